import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { Database } from '../../src/db/database.js';
import { startCaretaker } from '../../demo/world/caretaker.js';
import { migrate } from '../../src/db/migrate.js';
import { createPool } from '../../src/db/pool.js';
import { createDatabase } from '../../servers/index.js';
import { Facts, type Terms } from '../facts/facts.js';
import { Random } from '../random.js';
import { Cleanup } from '../../demo/world/cleanup.js';
import { createServices, HOSTS, REAPER_NAME, type Services } from './create-services.js';
import { endFleet } from './end-fleet.js';
import { installFlightRecorder } from './flight-recorder.js';
import { KillablePostgres } from './killable-postgres.js';
import { KillableTemporal } from './killable-temporal.js';
import { createGateLogin, createLogins, GATE_LOGIN, LATE_MONITOR, LOGINS, loginUrl } from './logins.js';
import { Operator } from './operator.js';
import { People } from './people.js';
import { installPoison } from './poison.js';
import { writePipeline } from './pipeline.js';
import { callTheRoll } from './roll-call.js';
import type { Service } from './service.js';
import { Way } from './way.js';

/**
 * So few places that a run which keeps one keeps others waiting. The times are short, so that much happens in little time. A run
 * without a pid waits for its ceiling, so the ceiling has to be within the time for repairs.
 */
const TERMS: Terms = {
  intervalS: 2,
  deadTicks: 2,
  graceS: 4,
  ceilingS: 60,
  marginS: 60,
  places: 12,
  batchAbove: 6,
  maxCrashes: null,
};

/** How {@link createWorld} makes a world. */
export interface WorldOptions {
  seed: number;
  log: (line: string) => void;
  /** What differs from the usual terms. */
  terms?: Partial<Terms>;
}

/** Everything that faults are injected into: real servers and processes, and all that is known about them. */
export interface World extends Services {
  seed: number;
  folder: string;
  terms: Terms;
  postgres: KillablePostgres;
  temporal: KillableTemporal;
  databaseUrl: string;
  /** Where sql gates ask, by way of {@link toGates}. */
  gateDatabaseUrl: string;
  toGates: Way;
  /** As superuser. */
  admin: Database;
  /** As a launcher. */
  launcher: Database;
  client: Client;
  people: People;
  /** The pipeline file. */
  pipeline: string;
  facts: Facts;
  operator: Operator;
  /** Asks Temporal for something, but not for long. */
  ask<T>(question: (client: Client) => Promise<T>, limitMs?: number): Promise<T>;
  /** Ends everything that was started. */
  end(): Promise<void>;
}

/** Makes a world with its own servers. Its services are not started yet. */
export async function createWorld({ seed, log, terms: given }: WorldOptions): Promise<World> {
  const cleanup = new Cleanup('the fault harness');
  try {
    return await build();
  } catch (error) {
    await cleanup.run();
    throw error;
  }

  async function build(): Promise<World> {
    const terms = { ...TERMS, ...given };
    const folder = await mkdtemp(join(tmpdir(), 'job-reaper-torture-'));
    cleanup.add(() => rm(folder, { recursive: true, force: true }));
    // Some services run as other users.
    await chmod(folder, 0o755);
    await Promise.all(['work', 'leases'].map((name) => mkdir(join(folder, name))));
    const postgres = await KillablePostgres.start(log);
    cleanup.add(() => postgres.stop());
    const temporal = await KillableTemporal.start(join(folder, 'temporal.db'), log);
    cleanup.add(() => temporal.stop());

    const databaseUrl = await createDatabase(postgres.adminUrl, 'torture');
    await migrate(databaseUrl, 'reference');
    const pool = (url: string, applicationName: string, max: number) => {
      const made = createPool(url, { applicationName, max });
      cleanup.add(() => made.end());
      return made;
    };
    const admin = pool(databaseUrl, 'torture', 12);
    await createLogins(admin);
    await installFlightRecorder(admin);
    await installPoison(admin);
    const launcher = pool(loginUrl(databaseUrl, LOGINS.launcher), LATE_MONITOR, 4);
    const reaper = pool(loginUrl(databaseUrl, LOGINS.reaper), 'operator', 2);

    const gatesUrl = await createDatabase(postgres.adminUrl, 'torture_gates');
    const gatesAdmin = pool(gatesUrl, 'torture', 1);
    await createGateLogin(gatesAdmin);
    const toGates = await Way.to(postgres.port);
    cleanup.add(() => toGates.stop());
    const gateDatabaseUrl = toGates.through(loginUrl(gatesUrl, GATE_LOGIN));

    const connection = Connection.lazy({ address: temporal.address });
    cleanup.add(() => connection.close());
    const client = new Client({ connection });
    const people = await People.listen(new Random(seed, 'people'));
    cleanup.add(() => people.stop());
    const services: Service[] = [];
    const facts = new Facts({
      admin,
      logins: LOGINS,
      folder,
      launcherLogs: Object.values(HOSTS).map((host) => join(folder, `launcher-${host}.log`)),
      client,
      reaperName: REAPER_NAME,
      received: people.received,
      terms,
      deaths: () => services.flatMap(({ deaths }) => deaths),
    });
    const pipeline = await writePipeline(folder);
    const base = { seed, folder, terms, postgres, temporal, databaseUrl, gateDatabaseUrl, people, pipeline };
    const caretaker = startCaretaker(folder);
    cleanup.add(() => caretaker.dismiss());
    const endAll = () => endFleet(facts);
    const made = await createServices(base, cleanup, endAll, (pid) => caretaker.mind(pid));
    for (const { service } of [...made.workers, ...made.probes, ...made.launchers]) services.push(service);
    cleanup.add(callTheRoll({ presence: facts.presence, services: made, databaseUrl, client }));
    return {
      ...base,
      ...made,
      toGates,
      admin,
      launcher,
      client,
      facts,
      operator: new Operator(reaper, client, REAPER_NAME, facts.blocks),
      ask: (question, limitMs = 5_000) => client.withDeadline(Date.now() + limitMs, () => question(client)),
      end: () => cleanup.run(),
    };
  }
}
