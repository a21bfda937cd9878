import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

/** Debian's Chromium, which asks nobody but the page's own server. */

const ARGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update'],
];
const START_MS = 120_000;

/** A browser with one page. */
export interface Browser {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page complained of so far: errors and warnings of its console, and what it threw. */
  readonly complaints: string[];
  readonly close: () => Promise<void>;
}

/** Starts a browser with a profile of its own, which is removed in the end. */
export async function openBrowser(
  options: { readonly width?: number; readonly height?: number } = {},
): Promise<Browser> {
  const { width = 1280, height = 800 } = options;
  const profile = mkdtempSync(join(tmpdir(), 'isochrone-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: ARGS,
    timeout: START_MS,
    viewport: { width, height },
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return {
    page,
    context,
    complaints,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
