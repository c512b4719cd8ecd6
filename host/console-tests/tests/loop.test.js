// From a refused record to a canaried fix: what a new user does, in one sitting.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Window, launch } from '../support/browser.js';
import { FIXED, REASON, RULES, begin, orders, rollout } from '../support/rules.js';
import { Pipeline, TIMEOUT, until } from '../support/sluice.js';

const CONFIG = '{"partition_by":["event_type"]}';

/** The records, and how many of them the first rules quarantine. */
const RECORDS = 200;
const QUARANTINED = 40;

let pipeline;
let browser;
let worker;
let window;

before(async () => {
  pipeline = await Pipeline.start();
  begin(pipeline);
  await pipeline.put(orders(0, RECORDS));
  worker = await pipeline.worker();
  const address = await pipeline.wholeConsole(worker, '--show-payloads', '--allow-publish');
  browser = await launch();
  await until('the worker commits the records', async () => (await pipeline.committed(worker)) === RECORDS);
  window = await Window.open(browser, address);
}, { timeout: TIMEOUT });

after(async () => {
  await browser?.close();
  await pipeline?.stop();
});

/** Waits until the outcome of a run says all of this. */
async function outcome(...patterns) {
  const sources = patterns.map((pattern) => pattern.source);
  await window.page.waitForFunction((sources) => {
    const text = document.querySelector('#try-outcome').innerText;
    return sources.every((source) => new RegExp(source, 'i').test(text));
  }, sources);
}

test('refused records are tried, fixed, published, canaried, activated and redriven', { timeout: 10 * TIMEOUT }, async () => {
  const { page } = window;

  // Why were records refused?
  await window.goto('/quarantine');
  await until('all of them are counted', async () => {
    await window.goto('/quarantine');
    return (await window.fact('Records')) === `${QUARANTINED}`;
  });
  await page.getByRole('link', { name: REASON }).first().click();
  await window.says('the price is no number');

  // What would other rules do?
  await window.goto('/quarantine');
  await page.getByRole('link', { name: 'Try rules' }).first().click();
  await page.waitForURL((url) => url.pathname === '/try' && url.searchParams.get('reason') === REASON);
  await page.getByLabel('Transform configuration of builtin:jq').fill(CONFIG);
  await page.getByLabel('Program', { exact: true }).fill('.price |= tonumbr');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await outcome(/not admitted/, /tonumbr/);
  await page.getByLabel('Program', { exact: true }).fill(RULES);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await outcome(new RegExp(`Quarantined\\s+${QUARANTINED}`), /with events\s+0/, /compared with\s+the active release/);
  await page.getByLabel('Program', { exact: true }).fill(FIXED);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await outcome(new RegExp(`with events\\s+${QUARANTINED}`), /quarantined\s+0/, new RegExp(`${QUARANTINED} of ${QUARANTINED} differ`));

  // They become a canary.
  await page.getByLabel('Note about the release').fill('prices as text');
  await page.getByLabel('Reason for the canary').fill('records of old shops');
  await page.getByRole('button', { name: 'Publish and canary 5 %' }).click();
  await page.waitForURL((url) => url.pathname === '/release');
  const release = new URL(page.url()).searchParams.get('id');
  const { canary } = rollout(pipeline);
  assert.deepEqual([canary.release, canary.share], [release, 0.05]);
  await window.says('prices as text');
  await window.says('It is the canary now');
  await window.says('This release is the canary since');
  await page.waitForFunction(() => document.activeElement.className === 'done');
  const [done, facts] = [await page.locator('.done').boundingBox(), await page.locator('.facts').first().boundingBox()];
  assert.ok(done.y + done.height + 8 <= facts.y, 'there is space between what was done and the facts');
  await page.reload();
  assert.equal(await page.locator('.done').count(), 0);

  // They become active.
  await window.goto('/releases');
  await window.says('records of old shops');
  await page.getByLabel('Release', { exact: true }).selectOption(release);
  await page.getByLabel(/^Activate it/).check();
  await page.locator('#activate-why').fill('the canary is fine');
  await page.getByRole('button', { name: 'Review the change' }).click();
  await window.says('What will change');
  await window.says('What was measured');
  assert.notEqual(rollout(pipeline).active, release);
  await page.getByRole('button', { name: 'Activate it' }).click();
  await window.says('The change was written');
  assert.equal(rollout(pipeline).active, release);
  assert.equal(rollout(pipeline).history.at(-1).why, 'the canary is fine');
  await until('the worker uses the release', async () => {
    const status = await (await fetch(`${worker}/status`)).json();
    return status.release === release;
  });
  await pipeline.put(orders(RECORDS, RECORDS + 20));
  await until('new records become events', async () => {
    const { totals } = await (await fetch(`${worker}/status`)).json();
    return totals.records === RECORDS + 20 && totals.quarantined === QUARANTINED;
  });

  // What was refused before is redriven, by the command of the page.
  await window.goto('/quarantine');
  await page.getByRole('link', { name: 'Preview a redrive' }).click();
  await page.waitForURL((url) => url.pathname === '/try' && url.searchParams.get('release') === 'active');
  await outcome(new RegExp(`with events\\s+${QUARANTINED}`), /chosen evenly/, /run the redrive/);
  await page.getByRole('button', { name: 'Copy the commands' }).waitFor();
  const commands = (await page.locator('pre.copy').innerText()).trim().split('\n');
  assert.match(commands[0], /^sluice redrive .*--dry-run$/);
  for (const command of commands) pipeline.shell(command);
  await until('nothing is quarantined', async () => {
    await window.goto('/quarantine');
    return (await window.fact('Records')) === '0';
  });
  assert.equal(await window.fact('Redriven'), `${QUARANTINED}`);
  const source = ['--source', 'kinesis:events', '--lake', 's3://bucket/lake'];
  assert.match(pipeline.run('audit', ...source), /proven/);
  window.isClean();
});

test('a canary without a reason is not sent, and one that is refused keeps what was typed', { timeout: TIMEOUT }, async () => {
  const { page } = window;
  await window.goto('/try');
  const before = rollout(pipeline);
  const note = page.getByLabel('Note about the release');
  const canary = page.getByRole('button', { name: 'Publish and canary 5 %' });
  await note.fill('my note');
  await canary.click();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'try-why');
  // A browser that does not check it sends it.
  await page.locator('#try-form').evaluate((form) => { form.noValidate = true; });
  await canary.click();
  await page.waitForURL((url) => url.pathname === '/try/publish');
  await window.says('The reason is missing');
  await page.waitForFunction(() => document.activeElement.id === 'refusal');
  assert.equal(await note.inputValue(), 'my note');
  assert.deepEqual(await window.faults(), []);
  await page.locator('#refusal').getByRole('link').click();
  assert.equal(new URL(page.url()).hash, '#try-why');
  assert.deepEqual(rollout(pipeline), before);
  window.isClean();
});

test('a file is taken as it is, and what is left out of it is said', { timeout: TIMEOUT }, async () => {
  const { page } = window;
  await window.goto('/try');
  const take = async (name, content) => {
    const file = { name, mimeType: 'application/octet-stream', buffer: Buffer.from(content) };
    await page.locator('#try-file').setInputFiles(file);
    await window.says(`${name} (was read|is not|has more)`);
    return page.locator('#try-status').innerText();
  };
  const lines = async () => (await page.locator('#try-records').inputValue()).split('\n').length;
  const many = Array.from({ length: 1_001 }, (_, n) => `{"n":${n}}`);
  assert.match(await take('more.ndjson', many.join('\n')), /Only its first 1000 lines/);
  assert.equal(await lines(), 1_000);
  assert.doesNotMatch(await take('all.ndjson', many.slice(1).join('\n')), /Only/);
  assert.equal(await lines(), 1_000);
  // The third byte of a character is behind the end of what is read, or the second, or none.
  const line = `"${'\u20ac'.repeat(10_000)}"\n`;
  for (const shift of ['', ' ', '  ']) {
    assert.match(await take(`cut${shift.length}.ndjson`, shift + line.repeat(80)), /Only its first/);
    assert.equal(await lines(), 69);
  }
  assert.doesNotMatch(await take('mark.ndjson', '"\ufffd"'), /is not/);
  assert.match(await take('bytes.ndjson', [0x22, 0xff, 0x22]), /is not a text in UTF-8/);
  assert.match(await take('large.jq', '.'.repeat(3 << 20)), /has more than 2 MiB/);
  window.isClean();
});

test('the page "Try" needs no mouse', { timeout: TIMEOUT }, async () => {
  const { page } = window;
  await window.goto('/try');
  await window.tabTo('try-records');
  await page.keyboard.type('{"a":1}\n{"a":"b"}');
  await window.tabTo('try-jq');
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('.a |= tonumber');
  await page.keyboard.press('Control+Enter');
  await outcome(/with events\s+1/, /quarantined\s+1/, /jq_error/);
  await window.tabTo('try-note');
  await page.keyboard.type('by the keyboard');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.pathname === '/release');
  await window.says('by the keyboard');
  assert.deepEqual(await window.faults(), []);
  window.isClean();
});
