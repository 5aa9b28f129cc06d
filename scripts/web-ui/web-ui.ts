import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

const LIMIT_MS = 60_000;
const MAX_PICTURE_BYTES = 200_000;

/** Columns of the list, as recommended by docs/web-ui.md. */
const COLUMNS = ['Status', 'Workflow ID', 'ReaperJob', 'ReaperHost', 'ReaperOutcome', 'Start', 'End'];

/** Temporal's Web UI, used like an operator. */
export class WebUi {
  constructor(
    readonly page: Page,
    readonly url: string,
    readonly imageFolder: string,
  ) {
    page.setDefaultTimeout(LIMIT_MS);
  }

  /** Opens the list of workflows that match a query. */
  async openList(query: string): Promise<void> {
    await this.page.goto(`${this.url}/namespaces/default/workflows?query=${encodeURIComponent(query)}`);
    // The gear below the list sets this.
    const columns = JSON.stringify({ default: COLUMNS.map((label) => ({ label })) });
    await this.page.evaluate(
      `localStorage.setItem('namespace-workflow-table-columns', ${JSON.stringify(columns)})`,
    );
    await this.page.reload();
  }

  /** Opens a workflow's current details: the tab User Metadata. */
  async openDetails(workflowId: string): Promise<void> {
    await this.page.goto(`${this.url}/namespaces/default/workflows/${encodeURIComponent(workflowId)}`);
    await this.page.waitForURL(/\/(history|timeline)/);
    await this.page.goto(this.page.url().replace(/\/(history|timeline).*/, '/user-metadata'));
    await this.expect('Current Details');
  }

  /** Waits until the page, or one of its frames with Markdown, contains a text. */
  async expect(text: string): Promise<void> {
    const deadline = Date.now() + LIMIT_MS;
    let seen: string[] = [];
    while (Date.now() < deadline) {
      seen = await Promise.all(
        this.page.frames().map((frame) =>
          frame
            .locator('body')
            .innerText({ timeout: 5_000 })
            .catch(() => ''),
        ),
      );
      if (seen.some((each) => each.replaceAll(/\s+/g, ' ').includes(text))) return;
      await this.page.waitForTimeout(200);
    }
    throw new Error(`Expected the Web UI to show "${text}", got:\n${seen.join('\n---\n')}`);
  }

  /** Sends a signal with the dialog to the workflow whose page is open. */
  async sendSignal(name: string, input?: string, picture?: string): Promise<void> {
    await this.page.getByRole('button', { name: 'More Actions' }).click();
    await this.page.getByRole('menuitem', { name: 'Send a Signal' }).click();
    const dialog = this.page.getByRole('dialog');
    await dialog.getByTestId('signal-select-button').click();
    await dialog.getByRole('option', { name: new RegExp(`^${name}\\b`) }).click();
    if (input !== undefined) {
      await dialog.locator('.cm-content').click();
      await this.page.keyboard.insertText(input);
    }
    if (picture !== undefined) await this.picture(picture);
    await dialog.getByRole('button', { name: 'Submit' }).click();
    await dialog.waitFor({ state: 'hidden' });
  }

  /** Takes a picture of the page, in a window of this size if it is given. */
  async picture(name: string, size?: { width: number; height: number }): Promise<void> {
    const path = join(this.imageFolder, `${name}.png`);
    const before = this.page.viewportSize();
    if (size) await this.page.setViewportSize(size);
    await this.page.screenshot({ path, animations: 'disabled' });
    if (size && before) await this.page.setViewportSize(before);
    const { size: bytes } = await stat(path);
    if (bytes > MAX_PICTURE_BYTES)
      throw new Error(`Expected ${path} below ${MAX_PICTURE_BYTES} bytes, got ${bytes}`);
    console.log(`docs/images/${name}.png: ${Math.round(bytes / 1000)} kB`);
  }
}
