import { playScenario } from './play-scenario.js';
import { SCENARIOS } from './scenarios/index.js';

// Plays one scenario with the code that this file was built with, and prints how it came out as JSON, last.
const [name] = process.argv.slice(2);
const scenario = SCENARIOS.find((each) => each.name === name);
if (scenario === undefined) {
  throw new Error(`Expected one of ${SCENARIOS.map((each) => `"${each.name}"`).join(', ')}, got "${name}"`);
}
console.log(JSON.stringify(await playScenario(scenario, (line) => console.error(line))));
