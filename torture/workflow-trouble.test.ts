import { expect, it } from 'vitest';
import { failingTasks, stillFailingTasks, wrongEnd, type Event } from './facts/workflow-trouble.js';

const task = (attempt: number, runId = 'run-1') => ({ workflowId: 'torture', runId, attempt });

it('finds a workflow task that fails again from one look to the next', () => {
  expect(stillFailingTasks([task(5)], [task(6)])).toEqual(['torture: attempt 6 of one workflow task']);
});

it.each([
  ['was not failing before', [task(4)], [task(6)]],
  ['waits before its next attempt', [task(7)], [task(7)]],
  ['was created again', [task(7)], [task(1)]],
  ['is that of another execution', [task(7, 'run-0')], [task(8)]],
  ['was not checked before', [], [task(9)]],
])('leaves alone, while workers are killed, a workflow task that %s', (_, before, open) => {
  expect(stillFailingTasks(before, open)).toEqual([]);
});

it('excuses, at the end, only what a killed worker explains', () => {
  expect(failingTasks([task(0), task(2), task(4)])).toEqual([]);
  expect(failingTasks([task(5)])).toEqual(['torture: attempt 5 of one workflow task']);
});

const ends = {
  failed: { workflowExecutionFailedEventAttributes: { failure: { message: 'plain' } } },
  'timed out': { workflowExecutionTimedOutEventAttributes: {} },
  cancelled: { workflowExecutionCanceledEventAttributes: {} },
  'terminated by the server': { workflowExecutionTerminatedEventAttributes: { reason: 'too large' } },
  'terminated by us': { workflowExecutionTerminatedEventAttributes: { reason: 'torture' } },
  'continued as new': { workflowExecutionContinuedAsNewEventAttributes: {} },
  completed: { workflowExecutionCompletedEventAttributes: {} },
};

it.each([
  ['failed', 'failed: plain', 'failed: plain'],
  ['timed out', 'timed out', 'timed out'],
  ['cancelled', 'was cancelled', 'was cancelled'],
  ['terminated by the server', 'was terminated: too large', 'was terminated: too large'],
  ['terminated by us', null, null],
  ['continued as new', null, null],
  ['completed', 'completed', null],
] as const)('an execution that %s: of the reaper %j, of a watch %j', (end, ofReaper, ofWatch) => {
  const events = [{}, ends[end]] as Event[];
  expect(wrongEnd(events, true)).toBe(ofReaper);
  expect(wrongEnd(events, false)).toBe(ofWatch);
});
