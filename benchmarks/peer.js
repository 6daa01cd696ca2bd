// One round of json-rules-engine: rules and facts come on stdin, the rate and the rules that are met go to stdout.
const { Engine } = require('json-rules-engine');

async function measure({ rules, facts, milliseconds }) {
  const engine = new Engine([], { allowUndefinedFacts: true });
  rules.forEach((conditions, number) => engine.addRule({ conditions, event: { type: String(number) } }));
  const first = await engine.run(facts);
  const hits = first.events.map(event => Number(event.type)).sort((one, other) => one - other);
  const warm = Date.now() + milliseconds / 4;
  do { await engine.run(facts); } while (Date.now() < warm);
  let judged = 0;
  const begun = process.hrtime.bigint();
  let seconds = 0;
  do {
    await engine.run(facts);
    judged += 1;
    seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  } while (seconds * 1000 < milliseconds);
  return { rate: judged / seconds, hits };
}

let text = '';
process.stdin.on('data', part => { text += part; });
process.stdin.on('end', () => {
  measure(JSON.parse(text)).then(told => process.stdout.write(JSON.stringify(told)));
});
