import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Stages that every task of the harness goes through. */
export const STAGES: readonly { name: string; agent?: string; next?: string }[] = [
  { name: 'development', agent: 'developer', next: 'review' },
  { name: 'review', agent: 'reviewer', next: 'testing' },
  { name: 'testing', agent: 'tester', next: 'released' },
  { name: 'released' },
];

/** Writes the pipeline file: a stage's gate is green when its agent has left its work. Returns its path. */
export async function writePipeline(folder: string): Promise<string> {
  const path = join(folder, 'pipeline.json');
  const stages = STAGES.map((stage) =>
    stage.agent === undefined
      ? stage
      : {
          ...stage,
          gate: {
            kind: 'command',
            argv: ['test', '-s', `{work_item}.${stage.agent}`],
            cwd: join(folder, 'work'),
          },
        },
  );
  await writeFile(path, JSON.stringify({ stages }, null, 2));
  return path;
}
