import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { readControl } from '../../db/control.js';
import { readLastSweep } from '../../db/last-sweep.js';
import { isOverdue, overdueAfterS } from '../../domain/overdue.js';
import { explainRecordedState } from '../../db/server-state.js';
import { fail, ok, type Check, type DoctorContext, type Finding } from './check.js';
import { polls, QUEUE_TYPE } from './pollers.js';

const START = 'start job-reaper worker';
const START_GATES = `${START}, or mount the activities \`gates\` in your own worker: until then, no run that exited with 0 is judged`;

/** Checks that the reaper workflow is running and sweeps, and that workers poll its queue and the gate queue. */
export const reaperCheck: Check = {
  name: 'reaper',
  needs: ['postgres', 'schema', 'temporal', 'namespace'],
  async run(context) {
    const client = await context.temporal();
    return [
      await checkWorkflow(client, context),
      await checkQueue(client, context, context.names.workflowQueue, 'workflow'),
      await checkQueue(client, context, context.names.gateQueue, 'activity'),
      await checkSweep(context),
    ];
  },
};

async function checkWorkflow(client: Client, { names }: DoctorContext): Promise<Finding> {
  const expected = `workflow "${names.reaper}" to be running`;
  try {
    const { status, type } = await client.workflow.getHandle(names.reaper).describe();
    if (type !== 'jobReaper') {
      return fail(
        expected,
        `a workflow of type ${type} with this id`,
        'terminate it, or choose another REAPER_NAME',
      );
    }
    return status.name === 'RUNNING' ? ok(expected, 'it is') : fail(expected, status.name, START);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return fail(expected, 'none', START);
    throw error;
  }
}

async function checkQueue(
  client: Client,
  { namespace }: DoctorContext,
  queue: string,
  type: keyof typeof QUEUE_TYPE,
): Promise<Finding> {
  const expected = `a worker on queue "${queue}"`;
  return (await polls(client, namespace, queue, QUEUE_TYPE[type]))
    ? ok(expected, 'one polls it')
    : fail(expected, 'none polls it', type === 'workflow' ? START : START_GATES);
}

async function checkSweep({ pool }: DoctorContext): Promise<Finding> {
  const [last, { policy }] = await Promise.all([readLastSweep(pool), readControl(pool)]);
  const expected = `a sweep within ${overdueAfterS(policy.intervalS)} s`;
  if (last === null) return fail(expected, 'none yet', START);
  const ago = `${Math.round(last.ageS)} s ago`;
  if (isOverdue(last, policy.intervalS)) return fail(expected, ago, "see the worker's log and the Web UI");
  const { error } = last.summary;
  if (typeof error === 'string')
    return fail(
      'a sweep that succeeds',
      `${ago}: ${error}`,
      explainRecordedState(error)?.todo ?? "see the worker's log",
    );
  return ok(expected, ago);
}
