// The enrichment of `guest-enrich` in JavaScript: the host reads the JSON of each record and applies the edits.
//
// A value is a byte string here, with one character for each byte, so that every byte of it is kept. The interpreter
// takes ten times as long for a regular expression, a `Date` or a `throw` as for a call, so the usual path has none.

const READS = [
  { name: "event_uuid", wanted: "kind", kind: "a string", expected: "a string" },
  { name: "event_name", wanted: "value", kind: "a string", expected: "a string" },
  { name: "created_at", wanted: "value", kind: "a number", expected: "a number of seconds since 1970" },
];
const WRITES = ["created_datetime", "event_type", "event_subtype"];
const COLUMNS = { date: (time) => time.slice(0, 10), hour: (time) => time.slice(11, 13) };

/** The kind of a JSON value by its first character. */
const KINDS = { "{": "an object", "[": "an array", '"': "a string", t: "a boolean", f: "a boolean", n: "null" };
for (const first of "-0123456789") KINDS[first] = "a number";

/** A rejection of the contract; throwing it sends the record to quarantine. */
const rejection = (code, message) => ({ code, message });

/** The type as text, and the JSON of type and subtype: the first parts of a name. An escaped colon separates too. */
function nameParts(json) {
  const raw = json.slice(1, -1);
  const isEscaped = raw.includes("\\");
  if (isEscaped && !decode(raw).isWellFormed()) {
    throw rejection("invalid_field", "event_name: expected text, found an unpaired surrogate escape");
  }
  // A JSON string cannot contain a line break, so a line break can represent a colon here.
  const colons = (token) => (token.length === 2 ? token : "\n");
  const parts = isEscaped ? raw.replace(/\\(?:u003a|.)|:/gi, colons).split("\n") : raw.split(":");
  if (parts[0] === "") {
    throw rejection("invalid_field", "event_name: expected an event type before the first colon, found none");
  }
  const subtypeJson = parts.length > 1 ? `"${parts[1]}"` : "null";
  return { type: decode(parts[0]), typeJson: `"${parts[0]}"`, subtypeJson };
}

/** The text of a JSON string, given without its quotes. */
const decode = (raw) => JSON.parse(`"${decodeURIComponent(escape(raw))}"`);

const FIRST_SECOND = Date.parse("0000-01-01T00:00:00Z") / 1000;
const LAST_SECOND = Date.parse("9999-12-31T23:59:59Z") / 1000;
const TWO_DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, "0"));

/** A number of Unix seconds as JSON of ISO 8601 in UTC, and its hour. Digits below a nanosecond are rounded down. */
function timestamp(number, hours) {
  let seconds = Number(number);
  const text = String(seconds);
  let fraction = seconds % 1 === 0 ? "" : text.slice(text.indexOf("."));
  // A float keeps all digits of a number if there are up to 15, or if it prints the same text. Other numbers are rare.
  const isKept = (number.length <= 16 || number === text) && seconds >= 1 && fraction.length <= 10;
  if (!isKept) ({ seconds, fraction } = decimal(number));
  if (!(seconds >= FIRST_SECOND && seconds < LAST_SECOND + 1)) {
    const reason = /^[0-9]{12,13}(\.[0-9]+)?$/.test(number)
      ? "it looks like milliseconds; a number of seconds since 1970 is expected"
      : "the years 0000 to 9999 are supported";
    throw rejection("invalid_field", `created_at: out of range, ${reason}`);
  }
  const hour = hours(Math.floor(seconds / 3600));
  const second = Math.floor(seconds) - hour.start;
  const minuteAndSecond = `${TWO_DIGITS[Math.floor(second / 60)]}:${TWO_DIGITS[second % 60]}`;
  return { created: `"${hour.text}:${minuteAndSecond}${fraction}Z"`, hour };
}

/** What all moments of an hour share: the start of their text, and the columns of their partition. */
function hourOf(index) {
  const text = new Date(index * 3_600_000).toISOString().slice(0, 13);
  const columns = partitionBy.map((name) => [name, COLUMNS[name](text)]);
  return { start: index * 3600, text, columns, key: columns.join() };
}

/** The whole seconds and the fraction of any number. */
function decimal(number) {
  const [, sign, whole, decimals = "", exponent = "0"] = number.match(/^(-?)(\d+)(?:\.(\d+))?(?:[eE](.+))?$/);
  const digits = whole + decimals;
  const first = digits.search(/[1-9]/);
  if (first < 0) return { seconds: 0, fraction: "" };
  // The number of digits from the first one to that of a nanosecond; 12 digits of seconds are in range.
  const wanted = whole.length + Number(exponent) - first + 9;
  if (wanted > 12 + 9) return { seconds: Infinity, fraction: "" };
  const end = first + Math.max(wanted, 0);
  const kept = digits.slice(first, end).padEnd(wanted, "0").padStart(9, "0");
  let [seconds, nanos] = [Number(kept.slice(0, -9)), Number(kept.slice(-9))];
  if (sign !== "") {
    if (/[1-9]/.test(digits.slice(end))) nanos += 1;
    const borrowed = Math.ceil(nanos / BILLION);
    [seconds, nanos] = [-seconds - borrowed, borrowed * BILLION - nanos];
  }
  return { seconds, fraction: nanos === 0 ? "" : String((BILLION + nanos) / BILLION).slice(1) };
}
const BILLION = 1_000_000_000;

/** A function that returns the value of an item. It throws a rejection if the value cannot be used. */
function reader(values, ends, repeated) {
  // Base64 is the only native conversion between bytes and characters in this interpreter.
  const text = atob(values.toBase64());
  const [repeats, anyRepeated] = [new Set(repeated), repeated.length > 0];
  return (item) => {
    const read = READS[item % READS.length];
    const value = text.slice(item === 0 ? 0 : ends[item - 1], ends[item]);
    const isRepeated = anyRepeated && repeats.has(item);
    if (KINDS[value[0]] === read.kind && !isRepeated) return value;
    const { name, expected } = read;
    if (value === "") throw rejection("missing_field", `${name}: missing`);
    if (isRepeated) throw rejection("duplicate_field", `${name}: found more than once`);
    throw rejection("invalid_field", `${name}: expected ${expected}, found ${KINDS[value[0]]}`);
  };
}

/** A function that calls `make` once for each key. */
function memo(make) {
  const made = new Map();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) made.set(key, (value = make(key)));
    return value;
  };
}

let partitionBy = [];

export const rules = {
  /** The host has validated the configuration against the schema. */
  configure(config) {
    partitionBy = JSON.parse(config).partition_by ?? [];
  },

  describe() {
    const items = { enum: Object.keys(COLUMNS) };
    const properties = { partition_by: { type: "array", items, uniqueItems: true } };
    return {
      name: "enrich-js",
      version: "0.1.0",
      summary: "Adds created_datetime, event_type and event_subtype to JSON events",
      configSchema: JSON.stringify({ type: "object", properties, additionalProperties: false }),
    };
  },
};

export const fields = {
  declare() {
    return { reads: READS, writes: WRITES, metadata: {} };
  },

  transformFields({ records, values, ends, repeated }) {
    const required = reader(values, ends, repeated);
    const [names, hours, indexes] = [memo(nameParts), memo(hourOf), new Map()];
    const destination = (type, hour) => {
      const key = hour.key + type;
      let index = indexes.get(key);
      if (index === undefined) {
        indexes.set(key, (index = destinations.length));
        destinations.push({ partition: [["event_type", type], ...hour.columns], routes: { lake: true, bus: true } });
      }
      return index;
    };

    const eventCounts = new Uint32Array(records);
    const [written, writtenEnds, destinations, destinationIndexes, rejections] = [[], [], [], [], []];
    let end = 0;
    for (let record = 0; record < records; record += 1) {
      try {
        required(READS.length * record);
        const { type, typeJson, subtypeJson } = names(required(READS.length * record + 1));
        const { created, hour } = timestamp(required(READS.length * record + 2), hours);
        written.push(created, typeJson, subtypeJson);
        writtenEnds.push((end += created.length), (end += typeJson.length), (end += subtypeJson.length));
        destinationIndexes.push(destination(type, hour));
        eventCounts[record] = 1;
      } catch (rejection) {
        rejections.push([record, rejection]);
      }
    }
    return {
      eventCounts,
      values: Uint8Array.fromBase64(btoa(written.join(""))),
      ends: writtenEnds,
      removed: [],
      emptyEvents: [],
      destinations,
      destinationIndexes,
      rejections,
    };
  },
};
