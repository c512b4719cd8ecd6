// Each page against a worker on the stand-ins, in light and dark, wide and narrow.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { PAGES, Window, launch } from '../support/browser.js';
import { REASON, begin, orders } from '../support/rules.js';
import { Pipeline, TIMEOUT, until } from '../support/sluice.js';

let pipeline;
let browser;
let worker;
let address;

before(async () => {
  pipeline = await Pipeline.start();
  begin(pipeline);
  await pipeline.put(orders(0, 200));
  worker = await pipeline.worker();
  address = await pipeline.wholeConsole(worker, '--show-payloads', '--allow-publish');
  browser = await launch();
  await until('the worker commits the records', async () => (await pipeline.committed(worker)) === 200);
}, { timeout: TIMEOUT });

after(async () => {
  await browser?.close();
  await pipeline?.stop();
});

test('each page shows what there is', async () => {
  const window = await Window.open(browser, address);
  for (const [path, title] of Object.entries(PAGES)) {
    const response = await window.goto(path);
    assert.equal(response.status(), 200, path);
    await window.page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
    const current = window.page.locator('header nav a[aria-current="page"]');
    assert.equal(await current.innerText(), title);
  }
  await window.goto('/');
  await window.says(worker.replace('http://', ''));
  // A plot has its first values when the first 20 seconds are over.
  await window.page.locator('figure svg').first().waitFor();
  await window.goto('/shards');
  await window.says('shardId-000000000000');
  await window.goto('/releases');
  await window.says('totals of orders');
  await window.says('to begin');
  await window.goto('/quarantine');
  await window.says(REASON);
  await window.goto('/schema');
  await window.says('order');
  const opened = await window.explore(2);
  for (const path of ['/shard?', '/release?', '/record?', '/quarantine?', '/schema?']) {
    assert.ok(opened.some((found) => found.startsWith(path)), path);
  }
  window.isClean();
  await window.close();
});

test('moments are in the time of the reader, with UTC as their title', async () => {
  const window = await Window.open(browser, address);
  await window.goto('/releases');
  const time = window.page.locator('time[datetime]').first();
  const [shown, title] = [await time.innerText(), await time.getAttribute('title')];
  assert.match(title, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const options = { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'Europe/Berlin' };
  assert.equal(shown, new Intl.DateTimeFormat('en-GB', options).format(new Date(title)));
  window.isClean();
  await window.close();
});

test('a page that is open shows what comes', async () => {
  const window = await Window.open(browser, address);
  await window.goto('/shards');
  await window.page.evaluate(() => { globalThis.isStillTheSame = true; });
  const before = await window.page.locator('main').innerText();
  await pipeline.put(orders(200, 260));
  await until('the worker commits them', async () => (await pipeline.committed(worker)) === 260);
  await window.page.waitForFunction((text) => document.querySelector('main').innerText !== text, before);
  assert.equal(await window.page.evaluate(() => globalThis.isStillTheSame), true);
  window.isClean();
  await window.close();
});

test('without scripts, each page is there', async () => {
  const window = await Window.open(browser, address, { javaScriptEnabled: false });
  for (const [path, title] of Object.entries(PAGES)) {
    await window.page.goto(window.origin + path);
    assert.equal(await window.page.locator('h1').innerText(), title);
  }
  window.isClean();
  await window.close();
});

for (const colorScheme of ['light', 'dark']) {
  test(`each page can be read by everybody in ${colorScheme} colours`, async () => {
    const window = await Window.open(browser, address, { colorScheme });
    const faults = [];
    await window.explore(1, async (path) => {
      for (const fault of await window.faults()) faults.push(`${path}: ${fault}`);
    });
    assert.deepEqual(faults, []);
    const paper = await window.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [red] = paper.match(/\d+/g).map(Number);
    assert.equal(red > 128, colorScheme === 'light', paper);
    window.isClean();
    await window.close();
  });
}

test('no page is wider than a narrow screen', async () => {
  const window = await Window.open(browser, address, { viewport: { width: 360, height: 740 } });
  await window.explore(1, async (path) => {
    const [page, screen] = await window.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(page <= screen, `${path}: ${page} pixels`);
  });
  window.isClean();
  await window.close();
});

test('the pages are reached by the keyboard, and what has the focus is seen', async () => {
  const window = await Window.open(browser, address);
  await window.page.keyboard.press('Tab');
  await window.page.keyboard.press('Enter');
  assert.equal(new URL(window.page.url()).hash, '#main');
  await window.goto('/');
  const reached = [];
  for (let presses = 0; presses < 7; presses += 1) {
    await window.page.keyboard.press('Tab');
    const focused = await window.page.evaluate(() => {
      const { outlineStyle } = getComputedStyle(document.activeElement);
      return { text: document.activeElement.textContent, outlineStyle };
    });
    assert.notEqual(focused.outlineStyle, 'none', focused.text);
    reached.push(focused.text);
  }
  for (const title of Object.values(PAGES)) assert.ok(reached.includes(title), title);
  window.isClean();
  await window.close();
});
