import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** What an operator can filter watches by in the Web UI. */
export const REAPER_JOB = defineSearchAttributeKey('ReaperJob', SearchAttributeType.KEYWORD);
export const REAPER_OUTCOME = defineSearchAttributeKey('ReaperOutcome', SearchAttributeType.KEYWORD);
export const REAPER_HOST = defineSearchAttributeKey('ReaperHost', SearchAttributeType.KEYWORD);

export const SEARCH_ATTRIBUTES = [REAPER_JOB, REAPER_OUTCOME, REAPER_HOST];

const MAX_KEYWORD = 255;

/** A value that the server accepts: it terminates a workflow over a much longer one. */
export function toKeyword(text: string): string {
  return text.slice(0, MAX_KEYWORD);
}
