import { commitFile } from './agents/commit-file.js';
import { blockEventLoop, work } from './agents/work.js';
import { signOff } from './agents/sign-off.js';

/** What an agent gets from its environment. */
interface Assignment {
  attempt: number;
  branch: string;
  workItem: string;
}

/** All agents of the demo; each fate says which one it needs. */
const agents: Record<string, (assignment: Assignment) => void | Promise<void>> = {
  /** Healthy, but its event loop is blocked from the start: it could never send a heartbeat. */
  thinker: () => blockEventLoop(3600),
  /** Busy for a long time when it starts from scratch; a second attempt finds most of the work done. */
  builder: ({ attempt }) => work(attempt === 1 ? 3600 : 0.3),
  /** The same, on the far host. */
  surveyor: ({ attempt }) => work(attempt === 1 ? 3600 : 0.3),
  /** Keeps running for a while after its launcher is gone. */
  courier: () => work(8),
  /** Done immediately. */
  scribe: () => undefined,
  /** Fails immediately. */
  tester: () => {
    process.exitCode = 1;
  },
  /** The agent of stage "development": commits the document of its work item. */
  developer: (assignment) => {
    if (!isCareless('developer', assignment)) commitFile(assignment.branch, `docs/${assignment.workItem}.md`);
  },
  /** The agent of stage "review": leaves a sign-off. */
  reviewer: (assignment) => {
    if (!isCareless('reviewer', assignment)) signOff(assignment.workItem);
  },
};

/** For some work items, an agent's first attempt is careless: it exits with 0, but has done nothing. */
function isCareless(agent: string, { attempt, workItem }: Assignment): boolean {
  return workItem === `careless-${agent}` && attempt === 1;
}

const [name = ''] = process.argv.slice(2);
const agent = agents[name];
if (agent === undefined) throw new Error(`Expected one of ${Object.keys(agents).join(', ')}, got "${name}"`);
await agent({
  attempt: Number(process.env['JOB_ATTEMPT']),
  branch: process.env['JOB_BRANCH'] ?? '',
  workItem: process.env['JOB_WORK_ITEM'] ?? '',
});
