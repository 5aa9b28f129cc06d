import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { renderTable } from '../src/cli/table.js';
import { adapters } from './adapters.js';
import { failingClaims } from './failing-claims.js';
import { fleet } from './fleet.js';
import { idleCost } from './idle-cost.js';
import { lockedRows } from './locked-rows.js';
import { processList } from './process-list.js';
import { repairTime } from './repair-time.js';
import { sentinel } from './sentinel.js';
import { silentConnection } from './silent-connection.js';
import { storm } from './storm.js';
import type { Bench, BenchResult } from './support/bench.js';
import { Cleanup } from './support/cleanup.js';
import { takes } from './takes.js';

const BENCHES: readonly Bench[] = [
  repairTime,
  storm,
  fleet,
  failingClaims,
  lockedRows,
  silentConnection,
  idleCost,
  sentinel,
  adapters,
  takes,
  processList,
];

/** Runs the named benches, or all of them, one after the other. The exit code is 1 if a promise does not hold. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const names = BENCHES.map(({ name }) => name);
  const unknown = positionals.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`Expected some of the benches ${names.join(', ')}, got ${unknown.join(', ')}`);
  }
  for (const bench of BENCHES) {
    if (positionals.length > 0 && !positionals.includes(bench.name)) continue;
    // Read before the bench adds its own load.
    const load = loadavg()[0] ?? NaN;
    const result = await runBench(bench);
    print(bench, result, load, values.json);
    if (result.failures.length > 0) process.exitCode = 1;
  }
}

async function runBench(bench: Bench): Promise<BenchResult> {
  const cleanup = new Cleanup();
  const interrupt = (signal: NodeJS.Signals) => {
    // A second signal ends us immediately, like any process.
    void cleanup.run().finally(() => process.kill(process.pid, signal));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    return await bench.run({ cleanup, log: (line) => console.error(line) });
  } finally {
    await cleanup.run();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function print({ name, about }: Bench, { rows, failures }: BenchResult, load: number, json: boolean): void {
  const machine = {
    cpus: cpus().length,
    load_before: load,
    node: process.version,
    platform: process.platform,
  };
  if (json) {
    console.log(JSON.stringify({ bench: name, about, machine, rows, failures }));
    return;
  }
  const columns = Object.keys(rows[0] ?? {});
  console.log(`\n${about}\n${machine.cpus} CPUs, load ${load.toFixed(2)} before, Node ${process.version}`);
  console.log(
    renderTable(
      columns.map((column) => column.replaceAll('_', ' ')),
      rows.map((row) => columns.map((column) => row[column])),
    ),
  );
  for (const failure of failures) console.error(`FAILED: ${failure}`);
}

await main();
