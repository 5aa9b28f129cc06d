import {
  ServiceError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askUntilTaken } from '../../src/temporal/ask-until-taken.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

const refusal = (code: number, message: string) =>
  new ServiceError('Workflow Update failed', { cause: Object.assign(new Error(message), { code }) });
const notDueTo = (why: string) =>
  refusal(9, `9 FAILED_PRECONDITION: Unable to perform workflow execution update due to ${why}.`);

/** Fails this often, then answers. */
function asked(error: Error, times: number) {
  let left = times;
  return vi.fn<(updateId: string) => Promise<string>>(() =>
    left-- > 0 ? Promise.reject(error) : Promise.resolve('answer'),
  );
}

describe('an update that the reaper did not accept, or did not answer because it continued as new', () => {
  it.each([
    ['unavailable', refusal(14, '14 UNAVAILABLE')],
    ['a limit on requests', refusal(8, '8 RESOURCE_EXHAUSTED: namespace rate limit exceeded')],
    ['a workflow task in failed state', notDueTo('Workflow Task in failed state')],
    ['a workflow task that failed with it', notDueTo('unexpected workflow task failure')],
    [
      'an execution that ended',
      new WorkflowUpdateFailedError(
        'Workflow Update failed',
        ApplicationFailure.nonRetryable('ended', 'AcceptedUpdateCompletedWorkflow'),
      ),
    ],
  ])('is retried as the same update: %s', async (_, error) => {
    const ask = asked(error, 3);
    expect(await askUntilTaken(ask)).toBe('answer');
    expect(ask).toHaveBeenCalledTimes(4);
    expect(new Set(ask.mock.calls.map(([updateId]) => updateId)).size).toBe(1);
  });

  it('is given up with the last error when the limit is over', async () => {
    const error = refusal(14, '14 UNAVAILABLE');
    const ask = asked(error, Infinity);
    ask.mockImplementation(() => {
      vi.advanceTimersByTime(400);
      return Promise.reject(error);
    });
    await expect(askUntilTaken(ask, 1_000)).rejects.toBe(error);
    expect(ask).toHaveBeenCalledTimes(3);
  });
});

it.each([
  [
    'a refusal by the reaper',
    new WorkflowUpdateFailedError('failed', ApplicationFailure.nonRetryable('no', 'BadInput')),
  ],
  ['another failed precondition', refusal(9, '9 FAILED_PRECONDITION: consistent query buffer is full')],
  ['no permission', refusal(7, '7 PERMISSION_DENIED')],
  ["the caller's deadline", new WorkflowUpdateRPCTimeoutOrCancelledError('over', { cause: new Error('4') })],
  ['what has no cause', new Error('plain')],
])('does not retry after %s', async (_, error) => {
  const ask = asked(error, 1);
  await expect(askUntilTaken(ask)).rejects.toBe(error);
  expect(ask).toHaveBeenCalledTimes(1);
});
