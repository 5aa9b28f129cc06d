import { execa } from 'execa';
import pg from 'pg';
import { timeLeftMs } from '../../../../scripts/deploy-check/deadline.js';
import { processIdentity } from '../../../../src/liveness/index.js';
import { packageRoot } from '../../../../src/paths.js';
import { eventually } from '../../../support/wait.js';

/** As in docker-compose.yml. */
const DATABASE_URL = 'postgres://postgres:postgres@127.0.0.1:5432/jobs';

/** A machine may be busy. */
const PATIENCE_MS = 300_000;

/** Where the host of compose's worker listens. */
export const METRICS = '127.0.0.1:9464';

/** The words that start docker compose, as `npm run deploy:check` found it. */
function composeWords(): string[] {
  const words = process.env['DEPLOY_CHECK_COMPOSE'];
  if (words === undefined) {
    throw new Error('Expected DEPLOY_CHECK_COMPOSE, got none: use npm run deploy:check');
  }
  return JSON.parse(words) as string[];
}

const left = timeLeftMs();
/** At the deadline nothing of a test that is late goes on. */
const cancel = left === Infinity ? {} : { cancelSignal: AbortSignal.timeout(left) };

/** Runs docker, and returns what it prints. */
export async function docker(...args: string[]): Promise<string> {
  return (await execa('docker', args)).stdout;
}

/** The unchanged docker-compose.yml, under a project name of its own. */
export class Compose {
  constructor(
    readonly project = 'job-reaper-check',
    readonly env: Record<string, string> = {},
  ) {}

  /** Runs `docker compose` with these words, and returns what it prints. */
  async run(...words: string[]): Promise<string> {
    const [program = '', ...first] = composeWords();
    const { stdout } = await execa(program, [...first, '--project-name', this.project, ...words], {
      cwd: packageRoot,
      env: this.env,
      ...cancel,
    });
    return stdout;
  }

  /** Runs a command of job-reaper in the worker's container, as an operator does. */
  reaper(...words: string[]): Promise<string> {
    return this.run('exec', '-T', 'worker', 'job-reaper', ...words);
  }

  /** The id of a service's container. */
  async container(service: string): Promise<string> {
    return (await this.run('ps', '--all', '--quiet', service)).trim();
  }

  /** What docker says of a service's container. */
  async inspect(service: string, format: string): Promise<string> {
    return docker('inspect', '--format', format, await this.container(service));
  }

  /** Kills the first process of a container, as a crash would. `docker kill` would mean that it was wanted. */
  async crash(service: string): Promise<void> {
    const before = await this.inspect(service, '{{.State.StartedAt}}');
    process.kill(Number(await this.inspect(service, '{{.State.Pid}}')), 'SIGKILL');
    await eventually(
      `${service} is started again, and healthy`,
      async () => {
        const [startedAt, health] = (
          await this.inspect(service, '{{.State.StartedAt}} {{.State.Health.Status}}')
        ).split(' ');
        return startedAt !== before && health === 'healthy';
      },
      PATIENCE_MS,
    );
  }

  async untilHealthy(service: string): Promise<void> {
    const isHealthy = async () => (await this.inspect(service, '{{.State.Health.Status}}')) === 'healthy';
    await eventually(`${service} is healthy`, isHealthy, PATIENCE_MS);
  }

  /** Removes all that belongs to the project, without waiting for any process to end well. */
  async removeAtOnce(): Promise<void> {
    const filter = `label=com.docker.compose.project=${this.project}`;
    for (const kind of ['container', 'volume', 'network'] as const) {
      const all = kind === 'container' ? ['--all'] : [];
      const found = (await docker(kind, 'ls', ...all, '--quiet', '--filter', filter)).split('\n');
      const names = found.filter((name) => name !== '');
      if (names.length > 0) await docker(kind, 'rm', '--force', ...names);
    }
  }

  async query<T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T[]> {
    const client = new pg.Client({ connectionString: DATABASE_URL });
    // The server may be stopped meanwhile.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<T>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }
}

/** A running job of a process on the host of compose's worker. */
export async function insertJob(
  compose: Compose,
  { id, pid, host = 'localhost' }: { id: string; pid: number; host?: string },
): Promise<void> {
  await compose.query(
    `insert into jobs (id, agent, repo, status, attempts, max_attempts, host, pid, process_identity, started_at)
     values ($1, 'developer', 'web', 'running', 1, 2, $2, $3, $4, reaper.now() - interval '1 minute')`,
    [id, host, pid, processIdentity(pid)],
  );
}

/** Waits until a job is queued again, because its process was found dead. */
export async function untilRepaired(compose: Compose, id: string): Promise<void> {
  await eventually(
    `job ${id} is queued again`,
    async () => {
      const rows = await compose.query<{ status: string; reason: string }>(
        `select j.status, l.reason from jobs j join reaper.ledger l on l.job_id = j.id where j.id = $1`,
        [id],
      );
      return rows.some(({ status, reason }) => status === 'queued' && reason.startsWith('dead pid='));
    },
    PATIENCE_MS,
  );
}
