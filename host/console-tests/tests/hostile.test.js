// What producers and publishers write never acts in a browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Window, launch } from '../support/browser.js';
import { Pipeline, TIMEOUT, event, until } from '../support/sluice.js';

const SCRIPT = '<script>globalThis.isOwned = true; alert(1)</script>';
const IMAGE = '"><img src=x onerror="globalThis.isOwned = true; alert(2)"><a href="javascript:alert(3)">x</a>';
const ELSEWHERE = '<link rel=stylesheet href=//elsewhere.example/x.css><img src=http://elsewhere.example/x.png>';
const STYLE = '<style>body { display: none }</style></section></main></body><base href=//elsewhere.example/>';
const TURNED = '\u202e\u2066\u200f\u0000\u001b[31m';
const LONG = 'x'.repeat(1_000_000);
const ALL = [SCRIPT, IMAGE, ELSEWHERE, STYLE, TURNED, LONG];

let pipeline;
let browser;
let worker;

/** Records with these texts as values and as names, as events and in quarantine. */
function records(n) {
  const good = ALL.map((text, place) => event(n + place, { event_name: `order:${n}`, [text.slice(0, 300)]: text }));
  const partitions = event(n, { event_name: `${SCRIPT}:${n}` });
  const bad = ALL.flatMap((text) => [{ event_uuid: text }, event(n, { created_at: text }), text]);
  return [...good, partitions, ...bad];
}

before(async () => {
  pipeline = await Pipeline.start();
  const registry = ['--registry', 's3://bucket/registry'];
  const publish = ['transform', 'publish', 'builtin:enrich', '--note', SCRIPT + IMAGE, ...registry];
  const release = pipeline.run(...publish);
  pipeline.run('transform', 'activate', release, '--why', IMAGE + ELSEWHERE, ...registry);
  await pipeline.put(records(0));
  worker = await pipeline.worker();
  browser = await launch();
  await until('the records are committed', async () => (await pipeline.committed(worker)) === records(0).length);
}, { timeout: TIMEOUT });

after(async () => {
  await browser?.close();
  await pipeline?.stop();
});

/** Opens pages and what they link to, with all that is folded, and returns what they say. */
async function visit(window) {
  let text = '';
  await window.explore(6, async (path) => {
    await window.page.$$eval('details', (all) => all.forEach((details) => { details.open = true; }));
    text += await window.page.locator('body').innerText();
    assert.equal(await window.page.evaluate(() => globalThis.isOwned), undefined, path);
    assert.ok(await window.page.locator('h1').isVisible(), path);
  });
  return text;
}

test('with payloads, all of it is text', async () => {
  const address = await pipeline.wholeConsole(worker, '--show-payloads', '--allow-publish');
  const window = await Window.open(browser, address);
  const text = await visit(window);
  assert.ok(text.includes('<script>globalThis.isOwned'), 'no script as text');
  assert.ok(text.includes('\\u{202e}'), 'no escape of a turn of direction');
  assert.ok(!/[\u202a-\u202e\u2066-\u2069]/.test(text), 'a turn of direction');
  window.isClean();
  await window.close();
});

test('without payloads, no page has any of it', async () => {
  const address = await pipeline.wholeConsole(worker);
  const window = await Window.open(browser, address);
  const text = await visit(window);
  assert.ok(!text.includes('xxxxxxxx'), 'a part of the long text');
  window.isClean();
  await window.close();
});

test('what arrives live is text too', async () => {
  const address = await pipeline.wholeConsole(worker, '--show-payloads');
  const window = await Window.open(browser, address);
  const network = await window.context.newCDPSession(window.page);
  // The sections that came, by the request that asked for them; a request is known by the page it is for.
  const pages = new Map();
  const arrived = new Set();
  network.on('Network.requestWillBeSent', ({ requestId, request }) => {
    pages.set(requestId, new URL(request.url).searchParams.get('page'));
  });
  network.on('Network.eventSourceMessageReceived', ({ requestId, data }) => {
    arrived.add(`${JSON.parse(data).id} of ${pages.get(requestId)}`);
  });
  await network.send('Network.enable');
  for (const path of ['/', '/shards', '/releases', '/quarantine', '/schema']) {
    await window.goto(path);
    // A browser that begins to listen gets all live sections, and puts them into its page.
    await until(`sections of ${path} arrive`, () => arrived.has(`live-problem of ${path}`));
    assert.equal(await window.page.evaluate(() => globalThis.isOwned), undefined, path);
  }
  window.isClean();
  await window.close();
});
