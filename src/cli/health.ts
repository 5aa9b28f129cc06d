import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { Command } from 'commander';
import { readSettings, type Settings } from '../config.js';
import { CliError, messageOf } from './errors.js';
import { examples, say } from './output.js';

/** Milliseconds for an answer: a check of readiness takes up to 3 s. */
const LIMIT_MS = 4_000;

interface Report {
  ok: boolean;
  checks: Record<string, { ok: boolean; detail: string }>;
}

/** `job-reaper health` */
export function healthCommand(): Command {
  return new Command('health')
    .description(
      "Ask this machine's worker whether it does its work, at REAPER_ADMIN_ADDR; for health checks of containers",
    )
    .option('--live', 'only whether the process is worth keeping: servers that are down do not count')
    .addHelpText('after', examples('job-reaper health', 'job-reaper health --live'))
    .action(async ({ live = false }: { live?: boolean }) => {
      const url = `${addressOf(readSettings())}/${live ? 'healthz' : 'readyz'}`;
      const { ok, checks } = await ask(url);
      const lines = Object.entries(checks)
        .filter(([, check]) => ok || !check.ok)
        .map(([name, check]) => `${name}: ${check.detail}`);
      if (!ok) throw new CliError(lines.join('\n'));
      say(lines.join('\n'));
    });
}

/** A worker that listens on all addresses is asked on loopback. */
function addressOf({ REAPER_ADMIN_ADDR: address }: Settings): string {
  if (address === undefined || address.port === 0) {
    throw new CliError(
      `Expected REAPER_ADMIN_ADDR to be the port of the worker on this machine, got ${address === undefined ? 'nothing' : 'port 0'}: set it as for the worker`,
    );
  }
  const { host, port } = address;
  const loopback = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${loopback.includes(':') ? `[${loopback}]` : loopback}:${port}`;
}

/** Not with fetch, which refuses some ports. */
async function ask(url: string): Promise<Report> {
  try {
    const request = get(url, { signal: AbortSignal.timeout(LIMIT_MS) });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const report = (await json(response)) as Partial<Report>;
    if (report.checks === undefined) throw new Error(`status ${response.statusCode} without checks`);
    return { ok: report.ok === true, checks: report.checks };
  } catch (error) {
    const why =
      (error as Error).name === 'AbortError' ? `nothing within ${LIMIT_MS / 1000} s` : messageOf(error);
    throw new CliError(`Expected a worker to answer at ${url}, got ${why}: see its log`);
  }
}
