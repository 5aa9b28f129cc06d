import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadPipeline, PipelineError, type LoadPipelineOptions } from '../../src/gates/index.js';
import { temporaryFolder } from './support.js';

/** Loads a pipeline file with this content; the function `approved` is registered. */
export async function load(content: unknown, options: Partial<LoadPipelineOptions> = {}) {
  const file = join(temporaryFolder(), 'pipeline.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return loadPipeline(file, { functionNames: ['approved'], ...options });
}

/** All mistakes that are found in such a file. */
export async function mistakesIn(
  content: unknown,
  options: Partial<LoadPipelineOptions> = {},
): Promise<string[]> {
  try {
    await load(content, options);
  } catch (error) {
    if (error instanceof PipelineError) return error.mistakes;
    throw error;
  }
  return [];
}
