// Runs the same records through the built-in transform and through this one, and compares what lands: every
// event, every partition, every reason, byte for byte.
//
// node check.js PROGRAM COMPONENT FOLDER

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [program, component, folder] = process.argv.slice(2);
const EVENTS = 2_000;
const READ = '"event_uuid":"u","event_name":"a:b","created_at":1700000000';

const event = (more) => `{${more},${READ}}`;
const named = (name) => `{"event_uuid":"u","event_name":"${name}","created_at":0}`;
const identified = (uuid) => `{"event_uuid":${uuid},"event_name":"a:b","created_at":0}`;
const created = (number) => `{"event_uuid":"u","event_name":"a:b","created_at":${number}}`;

/** Lines that are easy to get wrong. */
const NASTY = [
  ...[
    '"n":9007199254740993,"z":-0,"x":0.10,"big":1.0e+400',
    ' "a" : [ 1 ,2, {"k" : null} ] ',
    '"event_type":1',
    '"event_subtype":{"a":[]},"created_datetime":"x","event_type":1,"a":2',
    '"\\u0065vent_type":1,"event_typf":2,"\\ud800":"\\udfff"',
    '"o":{"event_type":1,"created_at":"x"},"dup":1,"dup":2,"__proto__":3,"constructor":4',
    '"é":"\\u00e9 \\/ 😀\x7f"',
    `"deep":${"[".repeat(1_000)}${"]".repeat(1_000)}`,
    '"event_uuid":"twice"',
    '"event_name":2,"event_name":"a:b"',
    '"created\\u005fat":"twice"',
    '"s":"\\x"',
    '"s":"\\u12g4"',
    '"s":"\t"',
    '"n":01',
    '"n":1.',
    '"n":1.e5',
    '"n":-',
    '"n":1e+',
    '"l":nul',
    '"l":true false',
    '"a":[1,]',
    '"a":[1 2]',
    '"a":{"b" 1}',
    '"a":{1:1}',
    '"a":',
  ].map(event),
  ...["", ":", "a", "a:", ":b", "::", "a:b:c", "a\\u003Ab:c", "\\u003aa", "\\\\u003a:b", "\\\\:\\/b:c", "é😀:ü", "\\ud83d\\ude00:x"].map(named),
  ...["constructor:__proto__", "\\\\\\u003a:b"].map(named),
  ...["\\ud800", "a:b:\\udc00", "=/%:..", "\\u0000", "\\\"\\b:\\f"].map(named),
  ...["0", "-0", "0.5", "-0.5", "1.0", "1e9", "1E-3", "1700000000.123456789", "1700000000.1234567899"].map(created),
  ...["1767225599.960", "1767225599.1234567", "1.0000000001", "17e8", "1.5E0", "1e-9", "1e-10", "0.1"].map(created),
  ...["1700000000000", "1700000000000.5", "1700000000000e0", "-1700000000000", "17000000000000"].map(created),
  ...["-1.0000000001", "253402300799.999999999", "253402300800", "-62167219200", "-62167219200.1"].map(created),
  ...["1e999999999999999999999", "0e999999999999999999999", "1e-999999999999999999999", "-1e-400"].map(created),
  ...[`0.${"0".repeat(400)}1`, `1${"0".repeat(400)}e-400`, '"1700000000"', "null", "true", "[1]", "{}"].map(created),
  ...["1", "-1", "null", "false", "[]", "{}", '""', '"\\u0061"'].map(identified),
  ...["null", "true", "[]", '"text"', "12", "{}", "{", "}", '{"a"', "nope", "\ufeff{}", `{${READ}} x`, `{${READ},}`],
  ` \t{ ${READ} , "event_type" : 1 } `,
].map((line) => Buffer.from(line));

const NOT_UTF8 = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]].map(
  (bytes) => Buffer.concat([Buffer.from('{"s":"é'), Buffer.from(bytes), Buffer.from(`",${READ}}`)]),
);

/** The lines, each with one byte changed, removed or repeated. The result is always the same. */
function damaged(lines) {
  let state = 7;
  const rng = (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % sides;
  };
  const some = Buffer.from('"\\{}[]:,0-eE.u \x01\x80\xff', "latin1");
  return lines.map((line) => {
    const at = rng(line.length);
    const inserted = [Buffer.of(some[rng(some.length)]), Buffer.alloc(0), line.subarray(at, at + 1)][rng(3)];
    const behind = line.subarray(at + rng(2));
    return Buffer.concat([line.subarray(0, at), inserted, behind]);
  });
}

function lines(bytes) {
  const found = [];
  for (let [from, to] = [0, 0]; (to = bytes.indexOf(10, from)) >= 0; from = to + 1) {
    if (to > from) found.push(bytes.subarray(from, to));
  }
  return found;
}

/** The contents of a lake by folder, without the ids of releases. */
function contents(lake) {
  const found = new Map();
  for (const entry of readdirSync(lake, { recursive: true, withFileTypes: true })) {
    const path = (entry.parentPath ?? entry.path).slice(lake.length);
    if (!entry.name.endsWith(".ndjson")) continue;
    const text = readFileSync(join(lake, path, entry.name), "latin1");
    found.set(path, [...(found.get(path) ?? []), ...text.replace(/"release":"[0-9a-f]*"/g, "").split("\n")]);
  }
  return found;
}

function run(source, name, more) {
  const lake = join(folder, name);
  const config = '{"partition_by":["date","hour"]}';
  const to = ["--lake", `file:${lake}`, "--bus", "none", "--compression", "none", "--transform-config", config];
  execFileSync(program, ["run", "--source", `file:${source}`, ...to, ...more], { stdio: "inherit" });
  return contents(lake);
}

const shown = (line) => (line === undefined ? "nothing" : line.slice(0, 1_000));

function compare(expected, actual) {
  let compared = 0;
  for (const path of new Set([...expected.keys(), ...actual.keys()])) {
    const [theirs, ours] = [expected.get(path) ?? [], actual.get(path) ?? []];
    for (let at = 0; at < Math.max(theirs.length, ours.length); at += 1) {
      if (theirs[at] !== ours[at]) {
        console.error(`${path}: line ${at + 1} differs\nbuilt in: ${shown(theirs[at])}\nthis one: ${shown(ours[at])}`);
        process.exit(1);
      }
      compared += theirs[at] === "" ? 0 : 1;
    }
  }
  return compared;
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const source = join(folder, "events.ndjson");
const options = ["--events", String(EVENTS), "--malformed", "0.02", "--quiet"];
execFileSync(program, ["generate", ...options, "--to", `file:${source}`]);
const generated = lines(readFileSync(source));
const all = [...generated, ...NASTY, ...NOT_UTF8, ...damaged([...generated, ...NASTY])].filter(
  (line) => line.length > 0 && !line.includes(10),
);
writeFileSync(source, Buffer.concat(all.flatMap((line) => [line, Buffer.of(10)])));
const compared = compare(run(source, "built-in", []), run(source, "guest-js", ["--transform", component]));
if (compared !== all.length) throw new Error(`${compared} lines landed of ${all.length} records`);
console.log(`guest-js: ${compared} records, the same bytes from both transforms`);
