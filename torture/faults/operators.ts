import { reapNowUpdate, sweepNowUpdate } from '../../src/workflows/messages.js';
import { REAPER_NAME } from '../world/create-services.js';
import type { Fault } from './fault.js';
import { waitBetween } from './wait.js';

/** Only one operator at a time decides whether anything may be claimed. */
const group = 'control';

/** What operators do at random moments. */
export const operators: readonly Fault[] = [
  {
    kind: 'operator: pause, resume',
    weight: 3,
    group,
    async inject({ operator }, random) {
      try {
        await operator.pause();
        await waitBetween(random, 0.5, 6);
      } finally {
        await operator.resume();
      }
      return 'the reaper';
    },
  },
  {
    kind: 'operator: stock signals pause, resume',
    weight: 2,
    group,
    async inject(world, random) {
      try {
        await world.ask(() => world.operator.signal('pause'));
        await waitBetween(random, 0.5, 5);
        await world.ask(() => world.operator.signal('resume'));
      } finally {
        await world.operator.resume();
      }
      return 'the reaper';
    },
  },
  {
    kind: 'operator: dry run, activate',
    weight: 2,
    group,
    async inject({ operator }, random) {
      try {
        await operator.observe();
        await waitBetween(random, 0.5, 6);
      } finally {
        await operator.activate();
      }
      return 'the reaper';
    },
  },
  {
    kind: 'operator: hold, release',
    weight: 4,
    async inject({ operator, admin }, random) {
      const { rows } = await admin.query<Record<'job' | 'agent' | 'repo' | 'host', string>>(
        'select job_id as job, agent, repo, host from reaper.running_job order by job_id',
      );
      const kind = random.pick(['job', 'job', 'agent', 'repo', 'host'] as const) ?? 'job';
      const value = random.pick(rows)?.[kind];
      if (value === undefined) return null;
      await operator.hold(kind, value, Math.ceil(random.between(2, 12)));
      if (random.chance(0.6)) {
        await waitBetween(random, 0.5, 8);
        await operator.release(kind, value);
      }
      return `${kind} ${value}`;
    },
  },
  {
    kind: 'operator: forceSweep',
    weight: 3,
    async inject(world) {
      await world.ask(() => world.operator.signal('forceSweep'));
      return 'the reaper';
    },
  },
  {
    kind: 'operator: sweepNow',
    weight: 2,
    async inject(world) {
      await world.ask(
        (client) => client.workflow.getHandle(REAPER_NAME).executeUpdate(sweepNowUpdate),
        15_000,
      );
      return 'the reaper';
    },
  },
  {
    kind: 'operator: reapNow',
    weight: 5,
    async inject(world, random) {
      const { rows } = await world.admin.query<{ id: string }>(
        `select id from public.jobs where status = 'running' order by id`,
      );
      const job = random.pick(rows);
      if (job === undefined) return null;
      await world
        .ask(
          (client) =>
            client.workflow
              .getHandle(REAPER_NAME)
              .executeUpdate(reapNowUpdate, { args: [{ job_id: job.id }] }),
          15_000,
        )
        // Refused for a live one; and what was asked is asked, whether or not the answer came.
        .catch(() => undefined);
      return `job ${job.id}`;
    },
  },
  {
    kind: 'operator: terminates a watch',
    weight: 4,
    async inject(world, random) {
      const ids: string[] = [];
      await world.ask(async (client) => {
        const query = `WorkflowId STARTS_WITH '${REAPER_NAME}/watch/' AND ExecutionStatus = 'Running'`;
        for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
      });
      const id = random.pick(ids.sort());
      if (id === undefined) return null;
      await world.ask((client) => client.workflow.getHandle(id).terminate('torture'));
      return id;
    },
  },
  {
    kind: 'operator: terminates the reaper',
    weight: 1,
    async inject(world) {
      await world.ask((client) => client.workflow.getHandle(REAPER_NAME).terminate('torture'));
      return 'the reaper, which a worker starts again';
    },
  },
];
