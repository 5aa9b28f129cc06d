/*
 * The lease protocol. Launchers that share a folder exclude each other with it, whatever is killed or suspended at any point.
 *
 * Names, for a repo `web`. A file is complete before it gets one of the first two names, and never changes afterwards:
 *
 *   .merge-lease-web.json                      L: the lease, visible to everybody. Only one file can be linked there
 *   .merge-lease-web.json.aside-held-<uuid>    H: a second name of the holder's file, which exists as long as it is held
 *   .merge-lease-web.json.aside-<uuid>         A: a file moved away from L, until it is known whose it is
 *   .merge-lease-web.json.tmp-<uuid>           T: being written
 *
 * Why H? The file at L can be moved: a reclaimer that judged an older file stale renames whatever is at L by then, and
 * puts it back. Meanwhile L is free, and an acquirer may take it. What the acquirer then lists proves nothing: a file that
 * moves while a folder is read may be missed, and it is impossible to know whether it moved, because change times are
 * coarser than system calls. H never moves. An acquirer first gives its own file H, then lists the folder. Of two
 * acquirers, the one that lists later sees the H of the other, and withdraws. So exclusion depends on H alone; L only
 * decides quickly who goes first.
 *
 *   acquire   T; link to L (taken: busy); rename T to H; list: if there is a file of somebody else, withdraw, busy
 *   release   remove all names of the own file, H last, until its link count is 0: only then can nobody put it back
 *   renew     a new file under a new H; wait until nobody else is about to acquire; if the old H is still there, remove
 *             all names of the old file and link the new one to L; else the lease is lost
 *   reclaim   judge; rename L to A; read and judge again; record; unlink A and H. H and A are unique and belong to one
 *             file forever, so a stale one can be unlinked directly
 *
 * Nothing is ever unlinked or overwritten at L. L is first renamed to A. If that was the wrong file, it is linked back, or
 * stays at A if L is taken, where it still counts as held. A lease without H, written manually or by another program, is
 * held under L or A.
 */
export { acquireLease, type AcquireOptions, type AcquireResult, type HeldLease } from './acquire.js';
export { LeaseFolder } from './folder.js';
export { LeaseError } from './lease-error.js';
export { LeaseNames } from './names.js';
export { reclaimLeases, type ReclaimOptions, type RepoReport } from './reclaim.js';
export { releaseLease } from './release.js';
export { renewLease } from './renew.js';
