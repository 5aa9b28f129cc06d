import type { PageLooks } from '../../src/activities/settle-page.js';

/** As if a task of Temporal's had waited for a minute between each look and the claims that rest on it. */
export const aMinuteLater = (page: PageLooks): PageLooks => ({
  ...page,
  looks: page.looks.map((look) => ({ ...look, readMs: look.readMs - 60_000 })),
});
