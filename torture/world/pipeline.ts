import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Advance } from '../../src/domain/exit-zero.js';
import { MAX_TIMEOUT_S } from '../../src/gates/spec.js';

/** Stages that every task of the harness goes through. */
export const STAGES: readonly { name: string; agent?: string; gate?: 'command' | 'sql'; next?: string }[] = [
  { name: 'development', agent: 'developer', gate: 'command', next: 'review' },
  { name: 'review', agent: 'reviewer', gate: 'sql', next: 'testing' },
  { name: 'testing', agent: 'tester', gate: 'command', next: 'released' },
  { name: 'released' },
];

/** Where a green exit 0 of an agent takes its task; null for an agent without a stage. */
export function advanceOf(agent: string): Advance | null {
  const stage = STAGES.find((each) => each.agent === agent);
  const next = STAGES.find(({ name }) => name === stage?.next);
  return stage && next ? { fromStage: stage.name, toStage: next.name, nextAgent: next.agent ?? null } : null;
}

/** The kind of the gate that an agent's exit 0 has to pass, or null. */
export function gateOf(agent: string): 'command' | 'sql' | null {
  return STAGES.find((each) => each.agent === agent)?.gate ?? null;
}

/** Green when the agent has left its work. Takes its time while a fault wants it to. */
const GATE =
  'if [ -e "hold.$2" ]; then echo $$ >> "asked.$2"; while [ -e "hold.$2" ]; do sleep 0.1; done; fi; test -s "$1"';

/** The same question to a database, which sees the files of its machine. */
const SQL_GATE = 'select coalesce((pg_stat_file($1, true)).size, 0) > 0';

/** The files by which a fault has the gate of a job wait, and learns that it does: a line with its pid each time it is asked. */
export function gateFiles(folder: string, jobId: string): { hold: string; asked: string } {
  const work = join(folder, 'work');
  return { hold: join(work, `hold.${jobId}`), asked: join(work, `asked.${jobId}`) };
}

/** Writes the pipeline file. Returns its path. */
export async function writePipeline(folder: string): Promise<string> {
  const path = join(folder, 'pipeline.json');
  const work = join(folder, 'work');
  const stages = STAGES.map(({ gate, ...stage }) => {
    const file = `{work_item}.${stage.agent}`;
    switch (gate) {
      case undefined:
        return stage;
      case 'sql':
        return { ...stage, gate: { kind: 'sql', query: SQL_GATE, params: [`${work}/${file}`] } };
      case 'command':
        return {
          ...stage,
          gate: {
            kind: 'command',
            argv: ['sh', '-c', GATE, 'gate', file, '{job}'],
            cwd: work,
            // A fault that has a gate wait must not turn it red.
            timeout_s: MAX_TIMEOUT_S,
          },
        };
    }
  });
  await writeFile(path, JSON.stringify({ stages }, null, 2));
  return path;
}
