// The program, the stand-ins for AWS, a worker and a console. Each test file has its own, in a folder of its own.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = path.resolve(fileURLToPath(import.meta.url), '../../../..');
export const program = path.resolve(process.env.SLUICE_TEST_PROGRAM ?? path.join(root, 'target/release/sluice'));
const standIns = path.join(path.dirname(program), 'examples/stand-ins');

/** The timeout of everything that a program does, milliseconds. */
export const TIMEOUT = 120_000;

/** The environment without settings of the program. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_')));

/** Waits until a condition holds, and returns what it returns. */
export async function until(what, condition) {
  const end = Date.now() + TIMEOUT;
  for (;;) {
    const held = await condition();
    if (held) return held;
    if (Date.now() > end) throw new Error(`this does not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** An event that the built-in enrichment takes. */
export function event(n, more = {}) {
  const type = ['lesson', 'payment', 'login'][n % 3];
  return { event_uuid: `u-${n}`, event_name: `${type}:done`, created_at: 1767225600.5, n, ...more };
}

/** A stream, a bucket and a queue, and what runs on them. */
export class Pipeline {
  #children = [];

  /** Starts the stand-ins. */
  static async start() {
    const pipeline = new Pipeline();
    pipeline.folder = mkdtempSync(path.join(tmpdir(), 'sluice-console-'));
    const child = spawn(standIns, [pipeline.folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    pipeline.#children.push(child);
    pipeline.services = JSON.parse(await lineOf(child, child.stdout, (line) => line));
    const { kinesis, s3, sqs } = pipeline.services;
    pipeline.environment = {
      ...environment,
      ...pipeline.services.environment,
      AWS_ENDPOINT_URL_KINESIS: kinesis,
      AWS_ENDPOINT_URL_S3: s3,
      AWS_ENDPOINT_URL_SQS: sqs,
      // A command of a page names the program only.
      PATH: `${path.dirname(program)}:${environment.PATH}`,
    };
    return pipeline;
  }

  /** Ends everything that was started, and removes the folder. */
  async stop() {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.stdin?.end();
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Puts records, which are texts or values, into the stream. */
  async put(records) {
    for (let from = 0; from < records.length; from += 100) {
      const part = records.slice(from, from + 100).map((record, n) => {
        const data = typeof record === 'string' ? record : JSON.stringify(record);
        return { PartitionKey: `key-${(from + n) % 7}`, Data: Buffer.from(data).toString('base64') };
      });
      const response = await fetch(this.services.kinesis, {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'Kinesis_20131202.PutRecords' },
        body: JSON.stringify({ StreamName: 'events', Records: part }),
      });
      if (!response.ok) throw new Error(await response.text());
    }
  }

  /** Runs a command of the program to its end, and returns what it prints. */
  run(...args) {
    return this.#ended(spawnSync(program, args, this.#options()));
  }

  /** Runs a line of a shell, as a person does who copies it from a page. */
  shell(line) {
    return this.#ended(spawnSync('sh', ['-euc', line], this.#options()));
  }

  #options() {
    return { cwd: this.folder, env: this.environment, encoding: 'utf8', timeout: TIMEOUT };
  }

  #ended({ status, stdout, stderr, error }) {
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`it ended with ${status}: ${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Starts a worker, and returns the address of its metrics. */
  async worker(...more) {
    const args = ['run', '--source', 'kinesis:events', '--lake', 's3://bucket/lake', '--bus', 'sqs:bus'];
    args.push('--registry', 's3://bucket/registry', '--registry-poll', '100ms', '--lease', '1s');
    args.push('--chunk-age', '100ms', '--chunk-records', '40', '--http', '127.0.0.1:0', ...more);
    return this.#listening(args, /^sluice: metrics on (http:\/\/\S+)/);
  }

  /** Starts a console on a free port, and returns the address that signs a browser in. */
  async console(...args) {
    return this.#listening(['console', '--port', '0', ...args], /^sluice: the console is at (http:\/\/\S+)/);
  }

  /** Starts a console on all that there is. */
  async wholeConsole(worker, ...more) {
    const args = ['--lake', 's3://bucket/lake', '--registry', 's3://bucket/registry'];
    return this.console(...args, '--worker', worker, ...more);
  }

  async #listening(args, pattern) {
    const child = spawn(program, args, { ...this.#options(), stdio: ['ignore', 'ignore', 'pipe'], timeout: undefined });
    this.#children.push(child);
    return lineOf(child, child.stderr, (line) => pattern.exec(line)?.[1]);
  }

  /** How many records the workers have committed. */
  async committed(worker) {
    const status = await (await fetch(`${worker}/status`)).json();
    return status.totals.records;
  }

  /** All files of a folder of the bucket with their sizes and times, as one text. */
  tree(folder = '') {
    const files = [];
    const walk = (at) => {
      for (const entry of readdirSync(at, { withFileTypes: true })) {
        const file = path.join(at, entry.name);
        if (entry.isDirectory()) walk(file);
        else files.push(`${file} ${statSync(file).size} ${statSync(file).mtimeMs}`);
      }
    };
    walk(path.join(this.services.bucket, folder));
    return files.sort().join('\n');
  }
}

/** Reads lines of an output until `found` returns something, and goes on reading so that the program never waits. */
function lineOf(child, output, found) {
  const lines = createInterface({ input: output });
  const seen = [];
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      if (seen.length < 100) seen.push(line);
      const value = found(line);
      if (value !== undefined && value !== null) resolve(value);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${seen.join('\n')}`)));
  });
}
