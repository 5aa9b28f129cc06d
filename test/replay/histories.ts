import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import { packageRoot } from '../../src/paths.js';
import type { RecordedHistory } from './world.js';

/** Where the recorded histories are. */
export const HISTORIES = join(packageRoot, 'test', 'replay', 'histories');

/** Every recorded history, by its file; those in `older/` are of versions before. */
export async function readHistories(): Promise<[file: string, RecordedHistory][]> {
  const all = await readdir(HISTORIES, { recursive: true });
  const files = all.filter((file) => file.endsWith('.json')).sort();
  return Promise.all(files.map(async (file) => [file, await read(file)] as [string, RecordedHistory]));
}

/** The history as `Worker.runReplayHistories` takes it. */
export function toProto({ workflowId, history }: RecordedHistory) {
  return { workflowId, history: temporal.api.history.v1.History.fromObject(history) };
}

async function read(file: string): Promise<RecordedHistory> {
  return JSON.parse(await readFile(join(HISTORIES, file), 'utf8')) as RecordedHistory;
}
