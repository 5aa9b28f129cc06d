import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Database } from '../../src/db/database.js';
import type { LauncherEvent } from '../../demo/launcher/report.js';
import type { LifeSign } from '../agents/life-sign.js';
import { FlightRecords } from '../world/flight-recorder.js';
import type { Received } from '../world/people.js';
import { BlockFacts } from './block-facts.js';
import { BrakeFacts } from './brake-facts.js';
import { deadSpan } from './death.js';
import { HindranceFacts } from './hindrance-facts.js';
import { HostFacts } from './host-facts.js';
import { LauncherFacts } from './launcher-facts.js';
import { LifeFacts } from './life-facts.js';
import { PresenceFacts } from './presence-facts.js';
import { QueueFacts, type WriterLogins } from './queue-facts.js';
import { StatusFacts } from './status-facts.js';
import { StopFacts } from './stop-facts.js';
import { jsonLines, Tail } from './tail.js';
import { TemporalFacts } from './temporal-facts.js';

/** The settings that the promises depend on. */
export interface Terms {
  intervalS: number;
  deadTicks: number;
  graceS: number;
  ceilingS: number;
  /** Seconds that a repair may take on top of 3 intervals and the grace, on a busy machine. */
  marginS: number;
  /** Watches at a time. */
  places: number;
  /** Runs with a symptom at a time above which each host's are repaired together. */
  batchAbove: number;
  /** How often a job may die by its own process; null without a budget. */
  maxCrashes: number | null;
}

/** Where facts come from. */
export interface FactSources {
  admin: Database;
  logins: WriterLogins;
  folder: string;
  launcherLogs: readonly string[];
  client: Client;
  reaperName: string;
  received: readonly Received[];
  terms: Terms;
  /** Services that exited unintentionally, in words. */
  deaths: () => string[];
}

/** All that is known about what happened, for the invariants to judge. */
export class Facts {
  readonly queue: QueueFacts;
  readonly lives = new LifeFacts();
  readonly launchers = new LauncherFacts();
  readonly blocks = new BlockFacts();
  readonly stops = new StopFacts();
  readonly hosts = new HostFacts();
  readonly brake = new BrakeFacts();
  readonly status = new StatusFacts();
  readonly presence = new PresenceFacts();
  readonly hindrances = new HindranceFacts();
  readonly temporal: TemporalFacts;
  readonly received: readonly Received[];
  readonly terms: Terms;
  readonly deaths: () => string[];
  private readonly admin: Database;
  readonly #records: FlightRecords;
  readonly #lifeLog: Tail;
  readonly #launcherLogs: Tail[];

  constructor(sources: FactSources) {
    this.queue = new QueueFacts(sources.logins);
    this.temporal = new TemporalFacts(sources.client, sources.reaperName);
    this.received = sources.received;
    this.terms = sources.terms;
    this.deaths = sources.deaths;
    this.admin = sources.admin;
    this.#records = new FlightRecords(sources.admin);
    this.#lifeLog = new Tail(join(sources.folder, 'lives.jsonl'));
    this.#launcherLogs = sources.launcherLogs.map((path) => new Tail(path));
  }

  /** Reads what is new. Throws while Postgres is away. */
  async read(): Promise<void> {
    // Before the logs: then whatever an agent wrote before its run ended is known together with the end.
    for (const change of await this.#records.readNew()) {
      this.queue.learn(change);
      this.stops.learn(change);
      this.hosts.learn(change);
      this.brake.learn(change);
    }
    this.readLogs();
    const waiting = [...this.queue.runs.values()].filter(
      (run) => run.ends.length === 0 && deadSpan(this, run) !== null,
    );
    await this.status.read(this.admin, waiting);
  }

  /** Reads what agents, launchers and monitors wrote; works without a database. */
  readLogs(): void {
    for (const sign of jsonLines<LifeSign>(this.#lifeLog.readNew())) this.lives.learn(sign);
    for (const log of this.#launcherLogs) {
      for (const event of jsonLines<LauncherEvent>(log.readNew())) this.launchers.learn(event);
    }
  }
}
