import { type ComponentChildren, createContext } from 'preact';
import { useContext, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { keepToken, readToken } from './session.ts';

/** The token that changes need. */
export interface TokenKeeper {
  /** The token, asked for where this tab has none; undefined: the person would not give it. */
  readonly want: (what: string) => Promise<string | undefined>;
  /** It was wrong. */
  readonly forget: () => void;
}

const TokenContext = createContext<TokenKeeper>({ want: async () => undefined, forget: () => undefined });

/** The keeper of the token. */
export const useToken = (): TokenKeeper => useContext(TokenContext);

interface Asking {
  readonly what: string;
  readonly give: (token: string | undefined) => void;
}

/** Asks for the token when it is first wanted, and keeps it while the tab is open. */
export function TokenProvider({ children }: { readonly children: ComponentChildren }) {
  const [asking, setAsking] = useState<Asking>();
  const keeper = useMemo<TokenKeeper>(
    () => ({
      want: async (what) => {
        const known = readToken();
        if (known !== undefined) return known;
        const token = await new Promise<string | undefined>((give) => setAsking({ what, give }));
        setAsking(undefined);
        if (token !== undefined) keepToken(token);
        return token;
      },
      forget: () => keepToken(undefined),
    }),
    [],
  );
  return (
    <TokenContext.Provider value={keeper}>
      {children}
      {asking !== undefined && <TokenDialog {...asking} />}
    </TokenContext.Provider>
  );
}

function TokenDialog({ what, give }: Asking) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  useEffect(() => dialog.current?.showModal(), []);
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    if (text.trim() !== '') give(text.trim());
  };
  return (
    <dialog ref={dialog} aria-labelledby="token-title" onCancel={() => give(undefined)}>
      <form onSubmit={onSubmit}>
        <h2 id="token-title">To {what}, give the token</h2>
        <p>
          Changes need the admin token: <code>admin.token</code> of the configuration,{' '}
          <code>ISOCHRONE_TOKEN</code>, or else the file <code>admin.token</code> in the state folder of the
          process, which only its user can read:
        </p>
        <pre>cat state/admin.token</pre>
        <p>This tab keeps it until it is closed; it is sent with changes only.</p>
        <label>
          Token
          <input
            type="password"
            name="token"
            autocomplete="off"
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <div class="buttons">
          <button type="button" onClick={() => give(undefined)}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={text.trim() === ''}>
            Go on
          </button>
        </div>
      </form>
    </dialog>
  );
}
