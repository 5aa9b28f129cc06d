import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { tellHostStory, type HostWatchStory } from './host-watch-facts.js';
import { tellStory, type WatchStory } from './watch-facts.js';
import {
  failedTasks,
  failingTasks,
  stillFailingTasks,
  wrongEnd,
  type Event,
  type OpenTask,
} from './workflow-trouble.js';

/** Histories that are fetched in one look. */
const HISTORIES_PER_LOOK = 60;

/** What Temporal has on record about the reaper and its watches. */
export class TemporalFacts {
  /** Watches that are closed, each execution once. */
  readonly stories: WatchStory[] = [];
  /** The same of host watches. */
  readonly hostStories: HostWatchStory[] = [];
  /** What is wrong with workflows and their tasks, in words. */
  readonly failing: string[] = [];
  readonly #known = new Set<string>();
  #open: OpenTask[] = [];

  constructor(
    private readonly client: Client,
    private readonly reaperName: string,
  ) {}

  /**
   * Reads executions that have closed since, of watches and of the reaper. Returns how many were read; a part of them is left
   * for later looks.
   */
  async readClosed(limit = HISTORIES_PER_LOOK): Promise<number> {
    let read = 0;
    for await (const { workflowId, runId } of this.#list(`ExecutionStatus != 'Running'`)) {
      if (this.#known.has(runId)) continue;
      if (read >= limit) break;
      read += 1;
      await this.#ifThere(async () => {
        const events = await this.#history(workflowId, runId);
        this.#known.add(runId);
        this.#noteFailedTasks(workflowId, events);
        const end = wrongEnd(events, workflowId === this.reaperName);
        if (end !== null) this.failing.push(`${workflowId} ${end}`);
        const story = tellStory(workflowId, events);
        if (story !== null) this.stories.push(story);
        const hostStory = tellHostStory(workflowId, events);
        if (hostStory !== null) this.hostStories.push(hostStory);
      });
    }
    return read;
  }

  /** Looks at the workflow tasks of everything that is open, while workers are killed and stopped. */
  async readOpen(): Promise<void> {
    const open = await this.#openTasks();
    this.failing.push(...stillFailingTasks(this.#open, open));
    this.#open = open;
  }

  /** Does the same once nothing is broken any more, and reads the reaper's whole history. Returns what fails. */
  async readOpenAtLast(): Promise<string[]> {
    await this.#ifThere(async () =>
      this.#noteFailedTasks(this.reaperName, await this.#history(this.reaperName)),
    );
    return failingTasks(await this.#openTasks());
  }

  async #openTasks(): Promise<OpenTask[]> {
    const open: OpenTask[] = [];
    for await (const { workflowId, runId } of this.#list(`ExecutionStatus = 'Running'`)) {
      await this.#ifThere(async () => {
        const { raw } = await this.client.workflow.getHandle(workflowId, runId).describe();
        const attempt = raw.pendingWorkflowTask?.attempt ?? 0;
        open.push({ workflowId, runId, attempt });
        // Its first failure stands in the history, the later ones only in the count.
        if (attempt > 1) this.#noteFailedTasks(workflowId, await this.#history(workflowId, runId));
      });
    }
    return open;
  }

  #list(condition: string) {
    const query = `(WorkflowId = '${this.reaperName}' OR WorkflowId STARTS_WITH '${this.reaperName}/') AND ${condition}`;
    return this.client.workflow.list({ query });
  }

  async #history(workflowId: string, runId?: string): Promise<Event[]> {
    const { events } = await this.client.workflow.getHandle(workflowId, runId).fetchHistory();
    return events ?? [];
  }

  #noteFailedTasks(workflowId: string, events: readonly Event[]): void {
    for (const failure of failedTasks(events)) this.failing.push(`${workflowId}: ${failure}`);
  }

  /** What was listed may be gone by now, with everything that Temporal knew. */
  async #ifThere(look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
}
