// Chromium, and pages that note everything that a page of the console must never do.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

import { TIMEOUT } from './sluice.js';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** The pages that the navigation names. */
export const PAGES = {
  '/': 'Overview',
  '/shards': 'Shards',
  '/releases': 'Releases',
  '/quarantine': 'Quarantine',
  '/schema': 'Schema',
  '/try': 'Try',
};

/** Starts the browser that CHROMIUM names. */
export async function launch() {
  const executablePath = process.env.CHROMIUM;
  assert.ok(executablePath, 'CHROMIUM is missing: set it to the path of Chromium, as `make test-console` does');
  const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  flags.push('--disable-component-update', '--disable-sync');
  return chromium.launch({ executablePath, headless: true, args: flags });
}

/** A window of a new user, and what went wrong in it. */
export class Window {
  problems = [];

  /** Opens the address that a console has printed. */
  static async open(browser, address, options = {}) {
    const window = new Window();
    window.origin = new URL(address).origin;
    const timeZone = { locale: 'en-GB', timezoneId: 'Europe/Berlin' };
    window.context = await browser.newContext({ ...timeZone, ...options });
    window.context.setDefaultTimeout(TIMEOUT);
    window.context.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== window.origin && protocol !== 'blob:') window.problems.push(`a request to ${request.url()}`);
    });
    window.page = await window.context.newPage();
    window.page.on('dialog', (dialog) => {
      window.problems.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    window.page.on('pageerror', (error) => window.problems.push(`an error of a script: ${error}`));
    window.page.on('console', (message) => {
      // A response with an error is noted by the test that asks for it.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        window.problems.push(`an error: ${message.text()}`);
      }
    });
    await window.page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`violation of ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
      });
    });
    await window.page.goto(address);
    // The page with the token goes on by itself.
    await window.page.waitForURL(`${window.origin}/`);
    return window;
  }

  /** Opens a page, and waits until what it is made from is read. */
  async goto(path) {
    // To go to the same address is a reload, which keeps what was typed.
    if (this.page.url() === this.origin + path) await this.page.evaluate(() => history.replaceState(null, ''));
    const response = await this.page.goto(this.origin + path);
    await this.page.waitForFunction(() => {
      const reading = [...document.querySelectorAll('.reading')];
      return reading.every((element) => !element.textContent.startsWith('Reading'));
    });
    return response;
  }

  /**
   * Opens the pages of the navigation and, of each kind of pages that these and others link to, some. A kind is a path
   * with the names in its query. Returns the paths; `each` is called while a page is open.
   */
  async explore(perKind, each = async () => {}) {
    const next = Object.keys(PAGES);
    const [opened, kinds] = [new Set(), new Map()];
    for (const path of next) {
      const url = new URL(path, this.origin);
      const kind = [url.pathname, ...[...url.searchParams.keys()].sort()].join(' ');
      const count = kinds.get(kind) ?? 0;
      if (opened.has(path) || count === perKind) continue;
      kinds.set(kind, count + 1);
      opened.add(path);
      const response = await this.goto(path);
      assert.equal(response.status(), 200, path);
      await each(path);
      const links = this.page.locator('main a[href^="/"]:not([download])');
      next.push(...(await links.evaluateAll((links) => links.map((link) => link.getAttribute('href').split('#')[0]))));
    }
    return [...opened];
  }

  /** What the page says of a fact, such as the number of quarantined records. */
  async fact(name) {
    const value = this.page.locator('main dl.facts > div', { has: this.page.getByText(name, { exact: true }) });
    return (await value.first().locator('dd').innerText()).trim();
  }

  /** Presses Tab until the element with this id has the focus. */
  async tabTo(id) {
    for (let presses = 0; presses < 100; presses += 1) {
      await this.page.keyboard.press('Tab');
      if ((await this.page.evaluate(() => document.activeElement.id)) === id) return;
    }
    assert.fail(`the keyboard does not reach #${id}`);
  }

  /** Waits until the page says this. */
  async says(text) {
    const pattern = typeof text === 'string' ? text : text.source;
    await this.page.waitForFunction((wanted) => new RegExp(wanted, 'i').test(document.body.innerText), pattern);
  }

  /** Asserts that nothing has gone wrong so far. */
  isClean() {
    assert.deepEqual(this.problems, []);
  }

  /** What of the page people with a keyboard, a screen reader or weak eyes cannot use. */
  async faults() {
    // The policy of the page allows no script of others, so this one is evaluated from outside.
    await this.page.evaluate(readFileSync(axe, 'utf8'));
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];
    const found = await this.page.evaluate((values) => axe.run(document, { runOnly: { type: 'tag', values } }), tags);
    const faults = found.violations.map(({ id, help, nodes }) => {
      return `${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(' | ')}`;
    });
    const ids = await this.page.locator('[id]').evaluateAll((elements) => elements.map(({ id }) => id));
    const twice = ids.filter((id, place) => ids.indexOf(id) !== place);
    return [...faults, ...twice.map((id) => `two elements have the id ${id}`)];
  }

  async close() {
    await this.context.close();
  }
}
