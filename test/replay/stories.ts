import { backstopStories } from './backstop-stories.js';
import { hostWatchStories, reaperStormStories } from './host-watch-stories.js';
import { reapStories } from './reap-stories.js';
import { reaperStories } from './reaper-stories.js';
import { reaperTroubleStories } from './reaper-trouble-stories.js';
import { watchStories } from './watch-stories.js';
import { watchTroubleStories } from './watch-trouble-stories.js';
import type { World } from './world.js';

/** Plays a path of a workflow to its end, and keeps its history. */
export type Story = (world: World) => Promise<void>;

/** Every story, by the name of its fixture. */
export const stories: Record<string, Story> = {
  ...watchStories,
  ...watchTroubleStories,
  ...backstopStories,
  ...hostWatchStories,
  ...Object.fromEntries(
    Object.entries({ ...reaperStories, ...reaperTroubleStories, ...reaperStormStories, ...reapStories }).map(
      ([name, story]) => [`reaper-${name}`, story],
    ),
  ),
};
