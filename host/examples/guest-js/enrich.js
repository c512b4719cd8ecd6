// The enrichment of `guest-enrich` in JavaScript.
//
// An event is a byte string, with one character for each byte, so that offsets are byte offsets and every
// byte that is not replaced is kept. Nothing is parsed and printed again: a JavaScript number cannot
// represent 9007199254740993.

/** A rejection of the contract; throwing it sends the record to quarantine. */
const rejection = (code, message) => ({ code, message });

/** The fields that the rules read, each with its kind and the message for another kind. */
const READ = {
  event_uuid: ["a string", "a string"],
  event_name: ["a string", "a string"],
  created_at: ["a number", "a number of seconds since 1970"],
};
const REPLACED = new Set(["created_datetime", "event_type", "event_subtype"]);

/**
 * The rules: return the event with three more fields after its last one, its type, and its creation time.
 *
 * @param {Uint8Array} data the record, unchanged
 * @returns {{data: Uint8Array, type: string, created: string}}
 * @throws a rejection
 */
export function enrich(data) {
  const { fields, cuts, end } = members(new Scanner(data));
  required(fields, "event_uuid");
  const { type, rawType, rawSubtype } = nameParts(required(fields, "event_name").slice(1, -1));
  if (rawType === "") {
    throw rejection("invalid_field", "event_name: expected an event type before the first colon, found none");
  }
  const created = timestamp(required(fields, "created_at"));
  const subtype = rawSubtype === undefined ? "null" : `"${rawSubtype}"`;
  const added = `,"created_datetime":"${created}","event_type":"${rawType}","event_subtype":${subtype}`;
  return { data: splice(data, cuts, end, added), type, created };
}

/** The text of a field that must occur exactly once and have its kind. */
function required(fields, name) {
  const [kind, meaning] = READ[name];
  const found = fields.get(name);
  if (found === undefined) throw rejection("missing_field", `${name}: missing`);
  if (found.repeated) throw rejection("duplicate_field", `${name}: found more than once`);
  if (found.kind === kind) return found.text;
  throw rejection("invalid_field", `${name}: expected ${meaning}, found ${found.kind}`);
}

/** The first two parts of a raw name, without its quotes. An escaped colon separates too. */
function nameParts(raw) {
  if (!raw.includes("\\")) {
    const [rawType, rawSubtype] = raw.split(":");
    return { type: meant(rawType), rawType, rawSubtype };
  }
  if (!meant(raw).isWellFormed()) {
    const message = "event_name: expected text, found an unpaired surrogate escape";
    throw rejection("invalid_field", message);
  }
  // A JSON string cannot contain a line break, so a line break can represent a colon here.
  const colons = (token) => (token.startsWith("\\") && token.length === 2 ? token : "\n");
  const [rawType, rawSubtype] = raw.replace(/\\(?:u003[aA]|.)|:/g, colons).split("\n");
  return { type: meant(rawType), rawType, rawSubtype };
}

/** Finds the members that the rules need, in one pass that validates the whole text. */
function members(scanner) {
  const found = { fields: new Map(), cuts: [], end: 0 };
  scanner.space();
  if (!scanner.take(OPEN_BRACE)) throw notAnObject(scanner);
  scanner.space();
  if (!scanner.take(CLOSE_BRACE)) {
    let [keeps, open, more] = [false, undefined, true];
    while (more) {
      const start = scanner.at;
      if (open !== undefined) found.cuts.push([open, start]);
      open = undefined;
      const key = keyName(scanner.key());
      const from = scanner.at;
      const kind = scanner.value();
      if (REPLACED.has(key)) {
        // If no member is kept before it, a field is removed with the comma after it.
        if (keeps) found.cuts.push([found.end, scanner.at]);
        else open = start;
      } else {
        keeps = true;
        if (Object.hasOwn(READ, key)) fill(found.fields, key, kind, scanner.text.slice(from, scanner.at));
      }
      found.end = scanner.at;
      more = scanner.moreMembers();
    }
  }
  scanner.end();
  return found;
}

function fill(fields, key, kind, text) {
  const field = fields.get(key);
  if (field === undefined) fields.set(key, { kind, text, repeated: false });
  else field.repeated = true;
}

function notAnObject(scanner) {
  const kind = scanner.value();
  scanner.end();
  return rejection("not_an_object", `expected a JSON object, found ${kind}`);
}

/** Decodes a key. Names of other fields can be decoded wrongly, but never to a name that the rules use. */
function keyName(raw) {
  return raw.includes("\\") ? JSON.parse(`"${raw}"`) : raw;
}

/** The input without the cuts, with `added` after the last value. */
function splice(data, cuts, end, added) {
  const more = bytes(added);
  const out = new Uint8Array(data.length + more.length);
  let [length, from] = [0, 0];
  const put = (part) => {
    out.set(part, length);
    length += part.length;
  };
  for (const [start, behind] of cuts) {
    put(data.subarray(from, start));
    from = behind;
  }
  put(data.subarray(from, end));
  put(more);
  put(data.subarray(end));
  return out.subarray(0, length);
}

// Base64 is the only native conversion between bytes and characters in this engine. A loop over the bytes
// takes ten times as long.
const byteString = (data) => atob(data.toBase64());
const bytes = (text) => Uint8Array.fromBase64(btoa(text));

/** Decodes a byte string as UTF-8; `undefined` if it is not UTF-8. */
function utf8(raw) {
  try {
    return decodeURIComponent(escape(raw));
  } catch {
    return undefined;
  }
}

/** The text of a byte string with its escapes decoded. The scanner has validated it. */
function meant(raw) {
  const text = utf8(raw);
  return text.includes("\\") ? JSON.parse(`"${text}"`) : text;
}

// --- Time ----------------------------------------------------------------------------------------

const FIRST_SECOND = Date.parse("0000-01-01T00:00:00Z") / 1000;
const LAST_SECOND = Date.parse("9999-12-31T23:59:59Z") / 1000;

/** Converts Unix seconds, as a JSON number, to ISO 8601 in UTC, exact to the nanosecond. */
function timestamp(number) {
  const plain = number.length <= 12 && /^\d+$/.test(number);
  const [seconds, nanos] = plain ? [Number(number), 0] : decimal(number);
  if (!(seconds >= FIRST_SECOND && seconds <= LAST_SECOND)) throw outOfRange(number);
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  if (nanos === 0) return `${text}Z`;
  return `${text}.${String(nanos).padStart(9, "0").replace(/0+$/, "")}Z`;
}

/** Seconds and nanoseconds of any number; digits below a nanosecond are rounded down. */
function decimal(number) {
  const [magnitude, exponent = "0"] = number.split(/[eE]/);
  const negative = magnitude.startsWith("-");
  const [whole, fraction = ""] = magnitude.slice(negative ? 1 : 0).split(".");
  const digits = whole + fraction;
  const zeros = digits.search(/[1-9]/);
  if (zeros < 0) return [0, 0];
  const point = whole.length + Number(exponent) - zeros;
  if (point > 12) throw outOfRange(number);
  const wanted = Math.max(0, point + 9);
  const kept = digits.slice(zeros, zeros + wanted).padEnd(wanted, "0");
  const inexact = /[1-9]/.test(digits.slice(zeros + wanted));
  const nanos = negative ? -BigInt(kept) - BigInt(inexact) : BigInt(kept);
  const rest = ((nanos % BILLION) + BILLION) % BILLION;
  return [Number((nanos - rest) / BILLION), Number(rest)];
}

const BILLION = 1_000_000_000n;

function outOfRange(number) {
  const message = /^[0-9]{12,13}(\.[0-9]+)?$/.test(number)
    ? "created_at: out of range, it looks like milliseconds; a number of seconds since 1970 is expected"
    : "created_at: out of range, the years 0000 to 9999 are supported";
  return rejection("invalid_field", message);
}

// --- JSON ----------------------------------------------------------------------------------------

const PLAIN_ASCII = /[ !#-[\]-\x7f]*/y;
const PLAIN = /[^"\\\x00-\x1f]*/y;
const DIGITS = /[0-9]+/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9.eE])/y;
const HEX = /[0-9a-fA-F]{0,4}/y;
/** One character of a byte string in UTF-8 (RFC 3629, 4). */
const UTF8_CHARACTER =
  /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}/y;
const LITERALS = new Map(["true", "false", "null"].map((word) => [word.charCodeAt(0), word]));
const ESCAPES = new Set(bytes('"\\/bfnrt'));
const [SPACE, QUOTE, BACKSLASH, COMMA, COLON, MINUS, PLUS, POINT, ZERO, NINE] = bytes(' "\\,:-+.09');
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = bytes("{}[]");
const [LOWER_E, UPPER_E, LOWER_U] = bytes("eEu");

/**
 * Scans a text by the grammar of RFC 8259 and builds no values. A call is the most expensive operation of the
 * interpreter here, so the usual path makes few calls.
 */
class Scanner {
  constructor(data) {
    this.data = data;
    this.text = byteString(data);
    this.at = 0;
  }

  fail(expected) {
    throw rejection("invalid_json", `byte ${this.at}: expected ${expected}`);
  }

  take(byte) {
    const found = this.data[this.at] === byte;
    if (found) this.at += 1;
    return found;
  }

  /** Skips what a sticky pattern matches here. */
  match(pattern) {
    pattern.lastIndex = this.at;
    const matched = pattern.test(this.text);
    if (matched) this.at = pattern.lastIndex;
    return matched;
  }

  space() {
    for (;;) {
      const byte = this.data[this.at];
      if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.at += 1;
    }
  }

  end() {
    this.space();
    if (this.at < this.data.length) this.fail("the end of the text");
  }

  /** Reads a key and its colon, and returns the raw key. The cursor ends at the value. */
  key() {
    const { data } = this;
    if (data[this.at] !== QUOTE) this.fail("a key in double quotes");
    const start = this.at + 1;
    this.string();
    const key = this.text.slice(start, this.at - 1);
    if (data[this.at] <= SPACE) this.space();
    if (data[this.at] !== COLON) this.fail("a colon after the key");
    this.at += 1;
    if (data[this.at] <= SPACE) this.space();
    return key;
  }

  moreMembers() {
    return this.more(CLOSE_BRACE, "a comma or a closing brace");
  }

  /** Reads what follows a member or an item. Returns `true` if another one follows. */
  more(close, expected) {
    const { data } = this;
    if (data[this.at] <= SPACE) this.space();
    const byte = data[this.at];
    if (byte !== COMMA && byte !== close) this.fail(expected);
    this.at += 1;
    if (byte === close) return false;
    if (data[this.at] <= SPACE) this.space();
    return true;
  }

  /** Reads a value and returns its kind. */
  value() {
    switch (this.data[this.at]) {
      case QUOTE:
        this.string();
        return "a string";
      case OPEN_BRACE:
        this.nested();
        return "an object";
      case OPEN_BRACKET:
        this.nested();
        return "an array";
      default:
        return this.scalar();
    }
  }

  scalar() {
    if (this.match(NUMBER)) return "a number";
    const first = this.data[this.at];
    const literal = LITERALS.get(first);
    if (literal !== undefined) {
      if (!this.text.startsWith(literal, this.at)) this.fail("true, false or null");
      this.at += literal.length;
      return literal === "null" ? "null" : "a boolean";
    }
    if (first !== MINUS && !(first >= ZERO && first <= NINE)) this.fail("a value");
    this.number();
    return "a number";
  }

  /** Reads an invalid number up to the error. */
  number() {
    this.take(MINUS);
    if (!this.take(ZERO)) this.digits();
    if (this.take(POINT)) this.digits();
    if (this.take(LOWER_E) || this.take(UPPER_E)) {
      if (!this.take(PLUS)) this.take(MINUS);
      this.digits();
    }
  }

  digits() {
    if (!this.match(DIGITS)) this.fail("a digit");
  }

  /** Reads an object or an array. It uses its own stack, because the depth is not limited. */
  nested() {
    const open = [];
    for (;;) {
      if (this.enter(open)) continue;
      for (;;) {
        if (open.length === 0) return;
        if (open[open.length - 1] === CLOSE_BRACE) {
          if (this.moreMembers()) {
            this.key();
            break;
          }
        } else if (this.more(CLOSE_BRACKET, "a comma or a closing bracket")) {
          break;
        }
        open.pop();
      }
    }
  }

  /** Reads a value without nested values, or opens one. Returns `true` if it opened one, with the cursor at its first value. */
  enter(open) {
    const { data } = this;
    const first = data[this.at];
    if (first === QUOTE) {
      this.string();
      return false;
    }
    if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
      this.scalar();
      return false;
    }
    const close = first === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
    this.at += 1;
    if (data[this.at] <= SPACE) this.space();
    if (this.take(close)) return false;
    open.push(close);
    if (close === CLOSE_BRACE) this.key();
    return true;
  }

  /** Reads a string, including both quotes. */
  string() {
    const { data } = this;
    const start = ++this.at;
    PLAIN_ASCII.lastIndex = start;
    PLAIN_ASCII.test(this.text);
    this.at = PLAIN_ASCII.lastIndex;
    if (data[this.at] !== QUOTE) this.unusual(start);
    this.at += 1;
  }

  /** Reads the rest of a string that is not plain ASCII, up to its closing quote. */
  unusual(start) {
    for (;;) {
      this.match(PLAIN);
      if (this.data[this.at] === QUOTE) break;
      if (this.take(BACKSLASH)) this.escape();
      else if (this.at === this.data.length) this.fail("a closing quote");
      else this.fail("control characters in a string to be escaped");
    }
    this.checkUtf8(start);
  }

  escape() {
    if (this.take(LOWER_U)) {
      const start = this.at;
      this.match(HEX);
      if (this.at - start < 4) this.fail("four hexadecimal digits");
    } else if (ESCAPES.has(this.data[this.at])) {
      this.at += 1;
    } else {
      this.fail('one of " \\ / b f n r t u after a backslash');
    }
  }

  checkUtf8(start) {
    const end = this.at;
    if (utf8(this.text.slice(start, end)) !== undefined) return;
    this.at = start;
    while (this.match(UTF8_CHARACTER));
    this.fail("valid UTF-8");
  }
}

// --- The contract --------------------------------------------------------------------------------

const COLUMNS = {
  date: (created) => created.slice(0, 10),
  hour: (created) => created.slice(11, 13),
};

const CONFIG_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Configuration of the enrich transform",
  type: "object",
  properties: {
    partition_by: {
      description: "Partition columns after event_type, outermost first, taken from created_datetime",
      type: "array",
      items: { enum: Object.keys(COLUMNS) },
      uniqueItems: true,
      default: [],
    },
  },
  additionalProperties: false,
};

let partitionBy = [];

/** The columns of the configuration. Throws an error for the operator. */
function columns(config) {
  const { partition_by: names = [], ...others } = config;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw `unknown field \`${unknown}\`, expected \`partition_by\``;
  if (!Array.isArray(names)) throw "partition_by: expected an array";
  for (const [index, name] of names.entries()) {
    if (!Object.hasOwn(COLUMNS, name)) throw `partition_by: unknown column \`${name}\`, expected \`date\` or \`hour\``;
    if (names.indexOf(name) < index) throw `partition_by: \`${name}\` is given more than once`;
  }
  return names;
}

export const rules = {
  configure(text) {
    let config;
    try {
      config = JSON.parse(text);
    } catch (error) {
      throw error.message;
    }
    if (Object.prototype.toString.call(config) !== "[object Object]") throw "expected a JSON object";
    partitionBy = columns(config);
  },

  describe() {
    return {
      name: "enrich-js",
      version: "0.1.0",
      summary: "Adds created_datetime, event_type and event_subtype to JSON events",
      configSchema: JSON.stringify(CONFIG_SCHEMA),
    };
  },

  transform(record) {
    const { data, type, created } = enrich(record.data);
    const more = partitionBy.map((name) => [name, COLUMNS[name](created)]);
    return [{ data, partition: [["event_type", type], ...more], routes: { lake: true, bus: true } }];
  },
};
