import { workflowInfo, type WorkflowInterceptors } from '@temporalio/workflow';

/** Events that a watch's history has when the watch has looked once. */
const AFTER_A_LOOK = 16;

/** What the SDK tells a workflow's `Date` of the time, set before each activation. */
const scope = globalThis as unknown as { __TEMPORAL_ACTIVATOR__: { now: number } };

/** Puts Temporal's clock forward, or back, by the memo's `stepMs` under an open watch: once it has looked. */
export const interceptors = (): WorkflowInterceptors => ({
  internals: [
    {
      activate(input, next) {
        const { workflowType, historyLength, memo } = workflowInfo();
        if (workflowType === 'watchJob' && historyLength > AFTER_A_LOOK) {
          scope.__TEMPORAL_ACTIVATOR__.now += Number(memo?.['stepMs']);
        }
        next(input);
      },
    },
  ],
});
