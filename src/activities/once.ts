import { Context } from '@temporalio/activity';

/** Activities that are remembered: far more than can be under way at once. */
const REMEMBERED = 5_000;

/** Tells the first time that an activity gets somewhere from those when it runs again, since its result was lost. */
export class Once {
  readonly #known = new Set<string>();

  /** True for the first call in this process on behalf of the activity that is running. */
  isFirst(): boolean {
    const { workflowExecution, activityId } = Context.current().info;
    const key = `${workflowExecution?.runId ?? ''}/${activityId}`;
    if (this.#known.has(key)) return false;
    this.#known.add(key);
    if (this.#known.size > REMEMBERED) this.#known.delete([...this.#known][0] ?? '');
    return true;
  }
}
