// Records that the built-in enrichment rejects for their time become a canary of the same rules by a few clicks.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Window, launch } from '../support/browser.js';
import { rollout } from '../support/rules.js';
import { Pipeline, TIMEOUT, event, until } from '../support/sluice.js';

/** How many records have a number as their time, and how many a text. */
const GOOD = 20;
const REJECTED = 8;

let pipeline;
let browser;
let window;

before(async () => {
  pipeline = await Pipeline.start();
  const registry = ['--registry', 's3://bucket/registry'];
  const release = pipeline.run('transform', 'publish', 'builtin:enrich', ...registry);
  pipeline.run('transform', 'activate', release, '--why', 'to begin', ...registry);
  const good = Array.from({ length: GOOD }, (_, n) => event(n));
  const rejected = Array.from({ length: REJECTED }, (_, n) => event(n, { created_at: '2026-01-01T00:00:00Z' }));
  await pipeline.put([...good, ...rejected]);
  const worker = await pipeline.worker();
  const address = await pipeline.wholeConsole(worker, '--show-payloads', '--allow-publish');
  browser = await launch();
  await until('the records are committed', async () => (await pipeline.committed(worker)) === GOOD + REJECTED);
  window = await Window.open(browser, address);
}, { timeout: TIMEOUT });

after(async () => {
  await browser?.close();
  await pipeline?.stop();
});

/** Waits until the outcome of a run says this. */
async function outcome(pattern) {
  await window.page.waitForFunction((source) => {
    const text = document.querySelector('#try-outcome').innerText;
    return new RegExp(source, 'i').test(text);
  }, pattern.source);
}

/** Opens Try with the rejected records, and waits for the rules that have rejected them. */
async function begin() {
  await until('the form has the rules that have rejected the records', async () => {
    await window.goto('/try?reason=invalid_field');
    return window.page.getByRole('radio', { name: /builtin:enrich/ }).isChecked();
  });
  await outcome(/compared with\s+the active release/);
}

test('a program in jq says which partition it loses', { timeout: TIMEOUT }, async () => {
  const { page } = window;
  await begin();
  await page.getByRole('radio', { name: 'A jq program' }).check();
  await page.getByLabel('Program', { exact: true }).fill('.');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await outcome(new RegExp(`These rules replace builtin:enrich: ${REJECTED} of ${REJECTED} events have no event_type`));
  await page.getByLabel('Compare the outcome with').selectOption('nothing');
  await outcome(/compared with\s+nothing/);
  assert.deepEqual(await window.faults(), []);
  window.isClean();
});

test('a configuration belongs to one kind of rules', { timeout: TIMEOUT }, async () => {
  const { page } = window;
  await begin();
  const ofEnrich = page.getByLabel('Transform configuration of builtin:enrich');
  const ofJq = page.getByLabel('Transform configuration of builtin:jq');
  await ofEnrich.fill('{"no_such":1}');
  await outcome(/not admitted\. .*no_such/);
  await page.locator('#try-outcome').getByRole('link', { name: 'The transform configuration' }).click();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'try-config');
  await page.getByRole('radio', { name: 'A jq program' }).check();
  await page.getByLabel('Program', { exact: true }).fill('.');
  await outcome(new RegExp(`with events\\s+${REJECTED}`));
  assert.ok(await ofJq.isVisible() && !(await ofEnrich.isVisible()));
  assert.equal(await ofJq.inputValue(), '');
  await page.getByRole('radio', { name: /builtin:enrich/ }).check();
  assert.equal(await ofEnrich.inputValue(), '{"no_such":1}');
  assert.deepEqual(await window.faults(), []);
  window.isClean();
});

test('Back and a reload lead to the rules that were typed', { timeout: TIMEOUT }, async () => {
  const { page } = window;
  await begin();
  await page.getByRole('button', { name: /time_format: auto/ }).click();
  await outcome(new RegExp(`with events\\s+${REJECTED}`));
  assert.equal(new URL(page.url()).pathname, '/try');
  await page.getByRole('radio', { name: 'A jq program' }).check();
  await page.getByLabel('Program', { exact: true }).fill('.mine = 1');
  await outcome(/mine\s*\+ 1/);
  const program = () => page.getByLabel('Program', { exact: true }).inputValue();
  await page.reload();
  await outcome(/mine\s*\+ 1/);
  assert.equal(await program(), '.mine = 1');
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.waitForURL((url) => url.pathname === '/release');
  await page.goBack();
  await outcome(/mine\s*\+ 1/);
  assert.equal(await program(), '.mine = 1');
  // The rules before the button was pressed.
  await page.goBack();
  await outcome(/compared with\s+the active release/);
  assert.equal(new URL(page.url()).searchParams.get('reason'), 'invalid_field');
  assert.ok(await page.getByRole('radio', { name: /builtin:enrich/ }).isChecked());
  window.isClean();
});

test('the same rules take the records by one click, and become a canary', { timeout: TIMEOUT }, async () => {
  const { page } = window;
  await begin();
  await outcome(new RegExp(`${REJECTED} of ${REJECTED} for the format of their time`));
  await page.getByRole('button', { name: /time_format: auto/ }).click();
  await outcome(new RegExp(`with events\\s+${REJECTED}`));
  assert.match(await page.getByLabel('Transform configuration of builtin:enrich').inputValue(), /"time_format": "auto"/);
  assert.deepEqual(await window.faults(), []);
  await page.getByLabel('Reason for the canary').fill('times as texts');
  await page.getByRole('button', { name: 'Publish and canary 5 %' }).click();
  await page.waitForURL((url) => url.pathname === '/release');
  const { canary } = rollout(pipeline);
  assert.equal(canary.release, new URL(page.url()).searchParams.get('id'));
  window.isClean();
});

for (const width of [1000, 1280, 1440]) {
  test(`the page can be read at ${width} pixels`, { timeout: TIMEOUT }, async () => {
    const { page } = window;
    await page.setViewportSize({ width, height: 900 });
    await begin();
    const box = async (selector) => page.locator(selector).boundingBox();
    const [form, right] = [await box('#try-form'), await box('.try-right')];
    const isBelow = right.y >= form.y + form.height;
    assert.equal(isBelow, width < 1100);
    assert.ok(form.width >= 500 && right.width >= 600, `${form.width} and ${right.width} pixels`);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
    window.isClean();
  });
}
