import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createLinuxDriver, probeProcess } from '../src/liveness/index.js';
import { startAgent } from './support/agents.js';
import type { Bench, BenchContext, BenchResult } from './support/bench.js';
import { median, rounded } from './support/statistics.js';

/** Processes of the machine. */
const PROCESSES = 2_000;
const LISTS = 20;
const LOOKS = 2_000;

/** What one probe for all pid namespaces of a machine costs: a list of all processes, and a look at one that was found before. */
export const processList: Bench = {
  name: 'process-list',
  about: `A list of all processes of a machine with at least ${PROCESSES} of them (medians of ${LISTS}; for a new stamp, or before a death), and looks at a process of another pid namespace that was found before`,
  async run(context) {
    if (process.platform !== 'linux') return { rows: [], failures: ['Expected Linux, got another platform'] };
    for (let n = countProcesses(); n < PROCESSES; n += 1) startAgent(context.cleanup);
    const nested = await startNested(context);
    const lists: number[] = [];
    const cpu: number[] = [];
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let n = 0; n < LISTS; n += 1) {
      // A new driver each time: this one has found nothing yet.
      const driver = createLinuxDriver();
      const beganMs = performance.now();
      const began = process.cpuUsage();
      const prepared = await driver.prepare([nested]);
      const { user, system } = process.cpuUsage(began);
      lists.push(performance.now() - beganMs);
      cpu.push((user + system) / 1_000);
      assertAlive(probeProcess(nested, { sharedPidNamespace: false, driver: prepared }).state);
    }
    delay.disable();
    const driver = createLinuxDriver();
    const options = { sharedPidNamespace: false, driver };
    probeProcess(nested, { ...options, driver: await driver.prepare([nested]) });
    const beganMs = performance.now();
    for (let n = 0; n < LOOKS; n += 1) assertAlive(probeProcess(nested, options).state);
    const lookMs = (performance.now() - beganMs) / LOOKS;
    const row: BenchResult['rows'][number] = {
      processes: countProcesses(),
      list_ms: rounded(median(lists), 1),
      list_cpu_ms: rounded(median(cpu), 1),
      longest_block_ms: rounded(delay.max / 1e6, 1),
      remembered_look_us: rounded(1_000 * lookMs, 1),
    };
    return { rows: [row], failures: [] };
  },
};

function countProcesses(): number {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;
}

function assertAlive(state: string): void {
  if (state !== 'alive') throw new Error(`Expected a live process, got one that is ${state}`);
}

/** A process in a pid namespace of its own, with the stamp that was made there. */
async function startNested({ cleanup }: BenchContext): Promise<{ pid: number; processIdentity: string }> {
  const script = 'echo "$$ $(sh docs/recipes/identity.sh $$)"; exec sleep 900';
  const args = ['--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', script];
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanup.add(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const [printed] = (await once(child.stdout, 'data')) as [Buffer];
  const [pid = '', processIdentity = ''] = String(printed).trim().split(' ');
  return { pid: Number(pid), processIdentity };
}
