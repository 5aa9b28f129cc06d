import { Context } from '@temporalio/activity';

/** Activities that are remembered: far more than can run at once. */
const REMEMBERED = 5_000;

/** Tells an activity's first run from its later ones, which follow when a result was lost. */
export class Once {
  readonly #known = new Set<string>();

  /** True for the first call in this process by the running activity. */
  isFirst(): boolean {
    const { workflowExecution, activityId } = Context.current().info;
    const key = `${workflowExecution?.runId ?? ''}/${activityId}`;
    if (this.#known.has(key)) return false;
    this.#known.add(key);
    if (this.#known.size > REMEMBERED) this.#known.delete([...this.#known][0] ?? '');
    return true;
  }
}
