import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { failedTasks, readWatch, type WatchStory } from './watch-facts.js';

/** Attempts of one workflow task after which it counts as failing: a killed worker costs one or two. */
const FAILING_ATTEMPTS = 5;
/** Histories that are fetched in one look. */
const HISTORIES_PER_LOOK = 60;

/** What Temporal has on record of the reaper and its watches. */
export class TemporalFacts {
  /** Watches that are closed, each execution once. */
  readonly stories: WatchStory[] = [];
  /** What is wrong with workflow tasks, in words. */
  readonly failing: string[] = [];
  readonly #known = new Set<string>();

  constructor(
    private readonly client: Client,
    private readonly reaperName: string,
  ) {}

  /** Reads watches that have closed since. Returns how many were read; a part of them is left for later looks. */
  async readClosed(limit = HISTORIES_PER_LOOK): Promise<number> {
    const query = `WorkflowId STARTS_WITH '${this.reaperName}/' AND ExecutionStatus != 'Running'`;
    let read = 0;
    for await (const { workflowId, runId } of this.client.workflow.list({ query })) {
      if (this.#known.has(runId)) continue;
      if (read >= limit) break;
      read += 1;
      await this.#ifThere(async () => {
        const story = await readWatch(this.client, workflowId, runId);
        this.#known.add(runId);
        if (story === null) return;
        this.stories.push(story);
        for (const failure of story.failedTasks) this.failing.push(`${workflowId}: ${failure}`);
        if (story.status === 'failed' || story.status === 'timed out')
          this.failing.push(`${workflowId} ${story.status}`);
      });
    }
    return read;
  }

  /** Looks at the workflow tasks of everything that is open. */
  async readOpen(): Promise<string[]> {
    const ids = [this.reaperName];
    const query = `WorkflowId STARTS_WITH '${this.reaperName}/' AND ExecutionStatus = 'Running'`;
    for await (const { workflowId } of this.client.workflow.list({ query })) ids.push(workflowId);
    const found: string[] = [];
    for (const id of ids) {
      await this.#ifThere(async () => {
        const { raw } = await this.client.workflow.getHandle(id).describe();
        const { attempt } = raw.pendingWorkflowTask ?? {};
        if ((attempt ?? 0) >= FAILING_ATTEMPTS) found.push(`${id}: attempt ${attempt} of one workflow task`);
      });
    }
    return found;
  }

  /** Looks through the reaper's own current history for tasks that failed. */
  async readReaper(): Promise<void> {
    await this.#ifThere(async () => {
      const { events } = await this.client.workflow.getHandle(this.reaperName).fetchHistory();
      for (const failure of failedTasks(events ?? [])) this.failing.push(`${this.reaperName}: ${failure}`);
    });
  }

  /** What was listed may be gone by now, with all that Temporal knew. */
  async #ifThere(look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
}
