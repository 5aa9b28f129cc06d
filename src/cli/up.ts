import { resolve } from 'node:path';
import { QUOTED_ADAPTERS } from '../db/adapter/source.js';
import { Command, InvalidArgumentError, Option } from 'commander';
import { readSettings, required } from '../config.js';
import { createLogger, type Logger } from '../log.js';
import { readTemporalTarget, type TemporalTarget } from '../temporal/read-target.js';
import { userFolder } from '../user-folder.js';
import { examples } from './output.js';
import { exitSoon, stopSignal } from './stop-signal.js';
import { checkPortFree } from './up/check-port.js';
import { prepareSchema } from './up/schema.js';
import type { SupervisedTemporal } from './up/supervised-temporal.js';

const DEFAULT_PORT = 7233;
const DEFAULT_UI_PORT = 8233;
const MAX_PORT = 65_535;

interface UpOptions {
  data?: string;
  port: number;
  uiPort: number;
  adapter?: string;
}

/** `job-reaper up` */
export function upCommand(): Command {
  return new Command('up')
    .description(
      'Run everything on one machine: a worker, and a Temporal dev server that keeps its state and is restarted if it dies',
    )
    .option('--data <dir>', "folder for the server's database (default: the user's data folder)")
    .addOption(new Option('--port <port>', 'port of Temporal').argParser(parsePort).default(DEFAULT_PORT))
    .addOption(
      new Option('--ui-port <port>', 'port of its Web UI').argParser(parsePort).default(DEFAULT_UI_PORT),
    )
    .option(
      '--adapter <name or file>',
      `first migrate at DATABASE_ADMIN_URL with this adapter: ${QUOTED_ADAPTERS}, an SQL file or a folder`,
    )
    .addHelpText(
      'after',
      examples(
        'export DATABASE_URL=postgres://... DATABASE_ADMIN_URL=postgres://...',
        'job-reaper up --adapter reference',
        'job-reaper up',
      ),
    )
    .action(runUp);
}

async function runUp({ data, port, uiPort, adapter }: UpOptions): Promise<void> {
  const settings = readSettings();
  required(settings, 'DATABASE_URL');
  const target = readTemporalTarget();
  const log = createLogger();
  await prepareSchema(settings, adapter ?? null, log);

  const temporal = await findTemporal(target, {
    folder: resolve(data ?? (await userFolder('data'))),
    port,
    uiPort,
    log,
  });
  // Only now: before this, a signal ends us immediately, and the server's watchdog ends the server.
  const signal = stopSignal();
  try {
    const { runWorker } = await import('../worker.js');
    await runWorker({
      settings,
      parts: { workflows: true, probe: true },
      log,
      signal,
      target: temporal ? { ...target, connectionOptions: { address: temporal.address } } : target,
    });
  } finally {
    await temporal?.stop();
    exitSoon();
  }
}

/** Starts our own server. Null if the operator configured one. */
async function findTemporal(
  { connectionOptions, namespace }: TemporalTarget,
  options: { folder: string; port: number; uiPort: number; log: Logger },
): Promise<SupervisedTemporal | null> {
  const { port, uiPort, folder, log } = options;
  if (connectionOptions.address !== undefined) {
    log.info(
      `using Temporal at ${connectionOptions.address}, as TEMPORAL_ADDRESS says; no dev server is started`,
    );
    return null;
  }
  await checkPortFree(port, '--port');
  await checkPortFree(uiPort, '--ui-port');
  log.info(`starting a Temporal dev server; its state is in ${folder}`);
  const { superviseTemporal } = await import('./up/supervised-temporal.js');
  const temporal = await superviseTemporal({ ...options, namespace });
  log.info(`Temporal is at ${temporal.address}, its Web UI at ${temporal.uiUrl}`);
  if (port !== DEFAULT_PORT) {
    log.info(`for other job-reaper commands, set TEMPORAL_ADDRESS=${temporal.address}`);
  }
  return temporal;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > MAX_PORT) {
    throw new InvalidArgumentError(`Expected a port from 1 to ${MAX_PORT}.`);
  }
  return port;
}
