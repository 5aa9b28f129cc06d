import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the gates find the work of the stages. */
export interface PipelinePlaces {
  /** A git repository: development is done when the document is on the branch. */
  repository: string;
  /** A folder: review is done when the sign-off is there. */
  signOffs: string;
}

/** Writes the file for REAPER_PIPELINE, which the launchers use too. Returns its path. */
export async function writePipeline(
  folder: string,
  { repository, signOffs }: PipelinePlaces,
): Promise<string> {
  const path = join(folder, 'pipeline.json');
  const stages = [
    {
      name: 'development',
      agent: 'developer',
      gate: { kind: 'git', repository, path: 'docs/{work_item}.md' },
      next: 'review',
    },
    {
      name: 'review',
      agent: 'reviewer',
      gate: { kind: 'command', argv: ['test', '-s', '{work_item}'], cwd: signOffs },
      next: 'released',
    },
    { name: 'released' },
  ];
  await writeFile(path, `${JSON.stringify({ stages }, null, 2)}\n`);
  return path;
}
