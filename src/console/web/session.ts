/** What this tab remembers, and this browser. Where storage is forbidden, nothing is remembered. */

const TOKEN_KEY = 'isochrone.token';
const THEME_KEY = 'isochrone.theme';

/** Light, dark, or as the system has it. */
export type Theme = 'system' | 'light' | 'dark';

/** The token that permits changes, for as long as the tab is open. */
export const readToken = (): string | undefined => read(() => sessionStorage.getItem(TOKEN_KEY));

/** Keeps the token; undefined forgets it. */
export function keepToken(token: string | undefined): void {
  read(() => {
    if (token === undefined) sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, token);
    return null;
  });
}

/** The theme that was chosen here last. */
export function readTheme(): Theme {
  const theme = read(() => localStorage.getItem(THEME_KEY));
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

/** Puts a theme into effect and keeps it. */
export function applyTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme === 'system') delete dataset['theme'];
  else dataset['theme'] = theme;
  read(() => {
    localStorage.setItem(THEME_KEY, theme);
    return null;
  });
}

function read(from: () => string | null): string | undefined {
  try {
    return from() ?? undefined;
  } catch {
    return undefined;
  }
}
