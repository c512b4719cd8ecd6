// Rules in jq that quarantine some records, and better ones that take them.

/** Takes prices that are numbers only. */
export const RULES = `if (.price | type) != "number" then error("wrong_price: the price is no number") else . end
| .total = .price * .count`;

/** Takes prices that are texts too. */
export const FIXED = `.price |= (if type == "string" then tonumber else . end)
| .total = .price * .count`;

/** The reason of quarantine. */
export const REASON = 'wrong_price';

/** Records of orders, of which each fifth has a price as text. */
export function orders(from, to) {
  const orders = [];
  for (let n = from; n < to; n += 1) {
    const price = n % 5 === 0 ? `${n}.5` : n + 0.5;
    orders.push({ event_type: 'order', event_uuid: `o-${n}`, price, count: 2 });
  }
  return orders;
}

/** Publishes and activates the first rules, and returns the id of their release. */
export function begin(pipeline) {
  const registry = ['--registry', 's3://bucket/registry'];
  const config = JSON.stringify({ program: RULES, partition_by: ['event_type'] });
  const publish = ['transform', 'publish', 'builtin:jq', '--transform-config', config];
  const release = pipeline.run(...publish, '--note', 'totals of orders', ...registry);
  pipeline.run('transform', 'activate', release, '--why', 'to begin', ...registry);
  return release;
}

/** The rollout of the registry. */
export function rollout(pipeline) {
  const listed = pipeline.run('transform', 'list', '--json', '--registry', 's3://bucket/registry');
  return JSON.parse(listed).rollout;
}
