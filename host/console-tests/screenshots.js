// Takes the screenshots of the documentation: node screenshots.js FOLDER. A minute of a pipeline is in the plots.

import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { Window, launch } from './support/browser.js';
import { FIXED, REASON, begin, orders } from './support/rules.js';
import { Pipeline } from './support/sluice.js';

const folder = path.resolve(process.argv[2] ?? 'screenshots');

/** How long records come, seconds. A point of a plot is 20 s. */
const SECONDS = 100;

const pipeline = await Pipeline.start();
const browser = await launch();
try {
  begin(pipeline);
  const worker = await pipeline.worker();
  const address = await pipeline.wholeConsole(worker, '--show-payloads', '--allow-publish', '--source', 'kinesis:events');
  const registry = ['--registry', 's3://bucket/registry'];
  const config = JSON.stringify({ program: FIXED, partition_by: ['event_type'] });
  const publish = ['transform', 'publish', 'builtin:jq', '--transform-config', config, '--note', 'prices as text'];
  let release;
  for (let second = 0, from = 0; second < SECONDS; second += 1) {
    const count = 60 + Math.round(30 * Math.sin(second / 8));
    await pipeline.put(orders(from, from + count));
    from += count;
    if (second === SECONDS / 2) {
      release = pipeline.run(...publish, ...registry);
      pipeline.run('transform', 'activate', release, '--canary', '5%', '--why', 'records of old shops', ...registry);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  mkdirSync(folder, { recursive: true });
  const viewport = { width: 1200, height: 900 };
  for (const colorScheme of ['light', 'dark']) {
    const window = await Window.open(browser, address, { colorScheme, viewport });
    const take = (name) => window.page.screenshot({ path: path.join(folder, `console-${name}.png`) });
    await window.goto('/');
    await window.says('Records');
    await take(colorScheme === 'light' ? 'overview' : 'overview-dark');
    if (colorScheme === 'light') {
      for (const page of ['shards', 'releases', 'schema']) {
        await window.goto(`/${page}`);
        await take(page);
      }
      await window.goto(`/quarantine?reason=${REASON}`);
      await take('quarantine');
      await window.goto(`/try?reason=${REASON}`);
      await window.page.getByLabel('Program', { exact: true }).fill(FIXED);
      await window.page.getByRole('button', { name: 'Run', exact: true }).click();
      await window.page.locator('#try-outcome').getByText('differ').first().waitFor();
      await take('try');
    }
    window.isClean();
    await window.close();
  }
} finally {
  await browser.close();
  await pipeline.stop();
}
