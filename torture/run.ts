import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ViolationError } from './judge-world.js';
import { reportRun, reportViolations } from './report.js';
import { findShortfalls } from './shortfalls.js';
import { torture } from './torture.js';
import { createWorld, type World } from './world/world.js';

const USAGE = `Usage: npm run torture -- [--minutes <n>] [--seed <n>] [--keep <folder>]

Runs workers and launchers on real servers, breaks everything at random for a while, and checks that nothing is lost, nothing
happens twice and no live run is touched. Exits with 1 if a promise was broken, or if far less was broken or checked than
planned.

  --minutes <n>    how long to inject faults, 2 by default; afterwards everything gets time to recover
  --seed <n>       decides which faults and fates are drawn; the time of day by default
  --keep <folder>  copies the logs of all processes there unless the run proved that everything held`;

/** Returns the exit code. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string' }, seed: { type: 'string' }, keep: { type: 'string' } },
  });
  const seconds = 60 * Number(values.minutes ?? 2);
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
    console.error(USAGE);
    return 2;
  }
  const startedMs = Date.now();
  const log = (line: string) =>
    console.log(`${((Date.now() - startedMs) / 1000).toFixed(0).padStart(5)} s  ${line}`);
  log(`seed ${seed}`);
  const world = await createWorld({ seed, log });
  let isGood = false;
  const interrupt = () => {
    void world.end().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const result = await torture(world, seconds, log);
    console.log(reportRun(world, result, seconds));
    const shortfalls = findShortfalls({ seconds, drawn: result.drawn, ...result.underFaults });
    for (const what of shortfalls) console.error(`TOO LITTLE EVIDENCE: ${what}`);
    isGood = shortfalls.length === 0;
    return isGood ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ViolationError)) throw error;
    console.error(reportViolations(world, error.violations));
    return 1;
  } finally {
    if (!isGood && values.keep !== undefined) await keepLogs(world, values.keep);
    await world.end();
  }
}

async function keepLogs({ folder }: World, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  await cp(folder, join(target), { recursive: true, filter: (path) => !path.includes('temporal.db') });
}

process.exitCode = await main();
