// Who does not get in: browsers without the token, and pages of others.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { PAGES, Window, launch } from '../support/browser.js';
import { begin, orders } from '../support/rules.js';
import { Pipeline, TIMEOUT } from '../support/sluice.js';

let pipeline;
let browser;
let address;
let others;

/** The cookies that the other site gets. */
let cookies = [];

/** The address for browsers that do not find the name of the console. */
function byNumber(address) {
  return Object.assign(new URL(address), { hostname: '127.0.0.1' }).href;
}

before(async () => {
  pipeline = await Pipeline.start();
  begin(pipeline);
  await pipeline.put(orders(0, 20));
  const worker = await pipeline.worker();
  address = await pipeline.wholeConsole(worker, '--show-payloads', '--allow-publish');
  others = createServer((request, response) => {
    cookies.push(request.headers.cookie ?? '');
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><title>Other</title><h1>Another site</h1>');
  });
  await new Promise((resolve) => others.listen(0, '127.0.0.1', resolve));
  browser = await launch();
}, { timeout: TIMEOUT });

after(async () => {
  await browser?.close();
  others?.close();
  await pipeline?.stop();
});

test('without the token there is nothing but advice', async () => {
  const { origin } = new URL(address);
  const context = await browser.newContext();
  const page = await context.newPage();
  for (const path of [...Object.keys(PAGES), '/?token=wrong', '/assets/script.js']) {
    const response = await page.goto(origin + path);
    assert.equal(response.status(), 403, path);
    assert.match(await response.text(), /sluice console/);
  }
  await context.close();
});

test('the token leaves the address, and scripts cannot read its cookie', async () => {
  const window = await Window.open(browser, address);
  assert.equal(window.page.url(), `${window.origin}/`);
  assert.equal(await window.page.evaluate(() => document.cookie), '');
  const [cookie] = await window.context.cookies();
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict']);
  window.isClean();
  await window.close();
});

// All ports of 127.0.0.1 share their cookies, so the console has a name of its own.
test('the cookie goes to no other port', async () => {
  for (const [own, isSent] of [[address, false], [byNumber(address), true]]) {
    const window = await Window.open(browser, own);
    window.isClean();
    const page = await window.context.newPage();
    cookies = [];
    for (const host of ['127.0.0.1', 'localhost', 'console.localhost']) {
      await page.goto(`http://${host}:${others.address().port}/`);
    }
    assert.ok(cookies.length >= 3, 'the other site was not asked');
    assert.equal(cookies.some((cookie) => cookie.includes('sluice_console')), isSent, own);
    await window.close();
  }
});

/** The paths that the forms of the console send to. */
async function actions(window) {
  const found = new Set();
  for (const path of ['/releases', '/try', '/quarantine']) {
    await window.goto(path);
    const forms = window.page.locator('form[method="post" i]');
    for (const action of await forms.evaluateAll((forms) => forms.map((form) => form.getAttribute('action')))) {
      found.add(action);
    }
  }
  return [...found];
}

// Another port of 127.0.0.1 is the same site, so requests of its pages carry the cookie; another name is not.
for (const [host, own] of [['127.0.0.1', (address) => address], ['127.0.0.1', byNumber], ['localhost', byNumber]]) {
  const of = own === byNumber ? 'a console on 127.0.0.1' : 'a console by its name';
  test(`a page of another origin on ${host} changes and reads nothing of ${of}`, async () => {
    const window = await Window.open(browser, own(address));
    const paths = await actions(window);
    assert.ok(paths.length > 0, 'no form');
    window.isClean();
    const before = pipeline.tree('registry');
    const page = await window.context.newPage();
    const passed = [];
    page.on('response', (response) => {
      const { origin, pathname } = new URL(response.url());
      if (origin === window.origin && pathname !== '/favicon.ico' && response.status() !== 403) passed.push(pathname);
    });
    for (const path of paths) {
      await page.goto(`http://${host}:${others.address().port}/`);
      const sent = page.waitForResponse((response) => response.url().startsWith(window.origin + path));
      await page.evaluate((action) => {
        const form = Object.assign(document.createElement('form'), { method: 'post', action });
        for (const name of ['why', 'reason', 'release', 'note']) {
          form.append(Object.assign(document.createElement('input'), { name, value: 'a reason' }));
        }
        document.body.append(form);
        form.submit();
      }, window.origin + path);
      assert.equal((await sent).status(), 403, path);
      // The form opens the refusal as a page. The next page is opened when that is done.
      await page.waitForURL(window.origin + path);
    }
    await page.goto(`http://${host}:${others.address().port}/`);
    const read = await page.evaluate(async (origin) => {
      const reads = ['/', '/quarantine', '/assets/script.js'].map(async (path) => {
        const response = await fetch(origin + path, { credentials: 'include' });
        return response.text();
      });
      const results = await Promise.allSettled(reads);
      return results.map(({ status }) => status);
    }, window.origin);
    assert.deepEqual(read, ['rejected', 'rejected', 'rejected']);
    // The other page sees nothing of these requests, but the console must not read the lake for them either.
    await page.evaluate(async (origin) => {
      await fetch(`${origin}/quarantine`, { mode: 'no-cors', credentials: 'include' }).catch(() => {});
      const image = new Image();
      const ended = new Promise((resolve) => image.addEventListener('error', resolve));
      image.src = `${origin}/assets/icon.svg`;
      await ended;
    }, window.origin);
    const framed = await page.evaluate(async (origin) => {
      const frame = Object.assign(document.createElement('iframe'), { src: `${origin}/` });
      const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
      document.body.append(frame);
      await loaded;
      return frame.contentDocument === null;
    }, window.origin);
    assert.equal(framed, true);
    for (const frame of page.frames()) {
      // A frame that was blocked has no content.
      assert.doesNotMatch(await frame.content().catch(() => ''), /Overview/);
    }
    await page.evaluate((url) => { location.href = url; }, `${window.origin}/shards`);
    await page.waitForURL(`${window.origin}/shards`);
    assert.match(await page.locator('body').innerText(), /Open the address that/);
    assert.deepEqual(passed, []);
    assert.equal(pipeline.tree('registry'), before);
    await window.close();
  });
}
