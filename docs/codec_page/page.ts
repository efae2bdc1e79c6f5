/**
 * The page that shows which bytes of a stream are which frame.
 *
 * It runs in a browser, on the site or as a file. What a visitor types is only ever put into
 * the text of an element, and is never run.
 *
 * @module
 */

import { ByteGrid } from "./byte_grid.ts";
import {
  BytesTextError,
  formatHex,
  MAX_BYTES,
  parseEscaped,
  parseHex,
} from "./bytes_text.ts";
import {
  type ContentName,
  framingNamed,
  FRAMINGS,
  type OptionChoice,
} from "./codec_choice.ts";
import { decodeBytes, type Decoded } from "./decode_bytes.ts";
import { button, element, field, labelled, select } from "./elements.ts";
import { FrameList } from "./frame_list.ts";
import { NotationError } from "./notation.ts";
import { NAMES } from "./packet_notation.ts";
import { EXAMPLES, hashOf, type PageState, readHash } from "./page_state.ts";

/** How long after the last key the bytes are decoded, in milliseconds. */
const PAUSE_MS = 150;

/**
 * Puts the page into an element.
 *
 * @returns Takes it away again.
 */
export function mountCodecPage(root: HTMLElement): () => void {
  const page = new CodecPage(root);
  const onHash = () => page.readAddress();
  addEventListener("hashchange", onHash);
  return () => {
    removeEventListener("hashchange", onHash);
    page.close();
  };
}

class CodecPage {
  readonly #example = select(
    "example",
    EXAMPLES.map(({ title }, index) => [String(index), title]),
  );
  readonly #input = select("input", [
    ["hex", "hexadecimal digits"],
    ["text", "text; \\r \\n \\t \\0 \\xNN are bytes"],
  ]);
  readonly #bytes = element("textarea", {
    id: "cp-bytes",
    rows: 6,
    spellcheck: false,
    autocapitalize: "off",
  });
  readonly #file = element("input", { id: "cp-file", type: "file" });
  readonly #hasEnded = element("input", { id: "cp-ended", type: "checkbox" });
  readonly #framing = select(
    "framing",
    FRAMINGS.map(({ name, title }) => [name, `${name}: ${title}`]),
  );
  readonly #content = select("content", []);
  readonly #options = element("div", { className: "cp-options" });
  readonly #struct = element("textarea", {
    id: "cp-struct",
    rows: 6,
    spellcheck: false,
    autocapitalize: "off",
  });
  readonly #structBlock = element(
    "div",
    {},
    labelled("The packet", this.#struct),
    element(
      "details",
      { className: "cp-names" },
      element("summary", {}, "Names that it may use"),
      element("p", {}, NAMES.join(" ")),
    ),
  );
  readonly #problem = element("p", { className: "cp-problem", role: "alert" });
  readonly #summary = element("p", {
    className: "cp-summary",
    ariaLive: "polite",
  });
  readonly #source = element("code", { id: "cp-source" });
  readonly #link = button("Copy a link to this", () => this.#copyLink());
  readonly #grid = new ByteGrid((piece) => this.#list.choose(piece));
  readonly #list = new FrameList((piece) => this.#grid.choose(piece));
  #timer: ReturnType<typeof setTimeout> | undefined;
  #fileNote = "";
  /** The address that this page wrote last: it need not be read. */
  #written: string | undefined;

  constructor(root: HTMLElement) {
    root.replaceChildren(
      element(
        "div",
        { className: "cp" },
        this.#controls(),
        element(
          "div",
          { className: "cp-results" },
          this.#problem,
          this.#summary,
          this.#grid.element,
          this.#list.element,
          element(
            "figure",
            { className: "cp-code" },
            element("figcaption", {}, "In a program"),
            element("pre", { tabIndex: 0 }, this.#source),
          ),
        ),
      ),
    );
    if (!this.readAddress()) this.#show(EXAMPLES[0]);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Shows what the address says; whether it says something. */
  readAddress(): boolean {
    if (location.hash === this.#written) return true;
    const state = readHash(location.hash);
    if (state !== undefined) this.#show(state);
    return state !== undefined;
  }

  #controls(): HTMLElement {
    const later = () => {
      this.#fileNote = "";
      this.#updateLater();
    };
    this.#bytes.addEventListener("input", later);
    this.#struct.addEventListener("input", later);
    this.#hasEnded.addEventListener("change", later);
    this.#input.addEventListener("change", () => this.#changeInput());
    this.#example.addEventListener("change", () => {
      this.#show(EXAMPLES[Number(this.#example.value)] ?? EXAMPLES[0]);
    });
    this.#framing.addEventListener("change", () => {
      this.#fillForm(this.#framing.value, this.#content.value, {});
      this.#updateLater();
    });
    this.#content.addEventListener("change", () => {
      this.#structBlock.hidden = this.#content.value !== "struct";
      this.#updateLater();
    });
    this.#options.addEventListener("input", later);
    this.#file.addEventListener("change", () => this.#readFile());
    return element(
      "form",
      {
        className: "cp-controls",
        onsubmit: (event: Event) => event.preventDefault(),
      },
      labelled("Example", this.#example),
      labelled("Bytes as", this.#input),
      labelled("Bytes", this.#bytes),
      labelled(`or a file, up to ${MAX_BYTES} bytes of it`, this.#file),
      labelled("The stream ends behind them", this.#hasEnded),
      labelled("Framing", this.#framing),
      labelled("In a frame", this.#content),
      this.#structBlock,
      element(
        "details",
        // In a narrow window the frames are below.
        { open: matchMedia("(min-width: 960px)").matches },
        element("summary", {}, "Options of the codec"),
        this.#options,
      ),
      this.#link,
    );
  }

  #show({ input, bytes, hasEnded, choice }: PageState): void {
    this.#input.value = input;
    this.#bytes.value = bytes;
    this.#hasEnded.checked = hasEnded;
    this.#struct.value = choice.struct;
    this.#fillForm(choice.framing, choice.content, choice.options);
    this.#fileNote = "";
    this.#update();
  }

  /** The fields of a framing's options, and what can be in its frames. */
  #fillForm(
    framing: string,
    content: string,
    values: Readonly<Record<string, string>>,
  ): void {
    const { name, contents, options } = framingNamed(framing);
    this.#framing.value = name;
    this.#content.replaceChildren(
      ...contents.map((each) => element("option", { value: each }, each)),
    );
    this.#content.value = contents.includes(content as ContentName)
      ? content
      : contents[0];
    this.#structBlock.hidden = this.#content.value !== "struct";
    if (this.#struct.value.trim() === "") {
      this.#struct.value = EXAMPLES[0].choice.struct;
    }
    this.#options.replaceChildren(
      ...options.map((option) =>
        optionField(option, values[option.name] ?? "")
      ),
    );
  }

  #state(): PageState {
    const options: Record<string, string> = {};
    for (const field of this.#options.querySelectorAll("input, select")) {
      const { name, value } = field as HTMLInputElement | HTMLSelectElement;
      options[name] = value;
    }
    return {
      input: this.#input.value === "text" ? "text" : "hex",
      bytes: this.#bytes.value,
      hasEnded: this.#hasEnded.checked,
      choice: {
        framing: this.#framing.value,
        options,
        content: this.#content.value as ContentName,
        struct: this.#struct.value,
      },
    };
  }

  #updateLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#update(), PAUSE_MS);
  }

  #update(): void {
    clearTimeout(this.#timer);
    const state = this.#state();
    try {
      const bytes = (state.input === "hex" ? parseHex : parseEscaped)(
        state.bytes,
      );
      this.#present(bytes, decodeBytes(bytes, state.choice, state.hasEnded));
      this.#problem.textContent = "";
    } catch (error) {
      this.#problem.textContent = placeOf(error, state) +
        (error as Error).message;
      this.#present(new Uint8Array(), { pieces: [], source: "" });
    }
    const hash = hashOf(state);
    this.#link.disabled = hash === undefined;
    if (hash !== undefined && location.hash !== `#${hash}`) {
      this.#written = `#${hash}`;
      history.replaceState(history.state, "", this.#written);
    }
  }

  #present(bytes: Uint8Array, { pieces, source }: Decoded): void {
    this.#grid.show(bytes, pieces);
    this.#list.show(bytes, pieces);
    this.#source.textContent = source;
    const count = (kind: string) =>
      pieces.filter((piece) => piece.kind === kind).length;
    const parts = [
      plural(bytes.length, "byte"),
      plural(count("frame"), "frame"),
      ...["bad", "skipped"].filter((kind) => count(kind) > 0)
        .map((kind) => plural(count(kind), `${kind} frame`)),
    ];
    this.#summary.textContent = `${parts.join(", ")}${this.#fileNote}`;
  }

  /** The same bytes in the other form, where they have one. */
  #changeInput(): void {
    if (this.#input.value === "hex") {
      try {
        this.#bytes.value = formatHex(parseEscaped(this.#bytes.value));
      } catch {
        // It was no text: the problem is shown.
      }
    }
    this.#update();
  }

  async #readFile(): Promise<void> {
    const file = this.#file.files?.[0];
    if (file === undefined) return;
    const bytes = new Uint8Array(await file.slice(0, MAX_BYTES).arrayBuffer());
    this.#input.value = "hex";
    this.#bytes.value = formatHex(bytes);
    // What was left out would come behind.
    const isWhole = file.size <= MAX_BYTES;
    this.#hasEnded.checked = isWhole;
    this.#fileNote = isWhole
      ? ""
      : `: the first of ${plural(file.size, "byte")}`;
    this.#update();
  }

  async #copyLink(): Promise<void> {
    try {
      await navigator.clipboard.writeText(location.href);
      this.#link.textContent = "Copied";
    } catch {
      this.#link.textContent = "It is in the address bar";
    }
    setTimeout(() => this.#link.textContent = "Copy a link to this", 2_000);
  }
}

function optionField(
  { name, kind, values = ["false", "true"], preset }: OptionChoice,
  value: string,
): HTMLElement {
  if (kind === "choice" || kind === "boolean") {
    const choice = select(name, values.map((each) => [each, each]));
    choice.value = values.includes(value) ? value : values[0];
    return labelled(name, choice);
  }
  return labelled(name, field(name, value, preset));
}

/** Line and column of an error that says where it is. */
function placeOf(error: unknown, { bytes, choice }: PageState): string {
  const isOfPacket = error instanceof NotationError;
  if (!isOfPacket && !(error instanceof BytesTextError)) return "";
  const text = isOfPacket ? choice.struct : bytes;
  const before = text.slice(0, error.at).split("\n");
  const column = before[before.length - 1].length + 1;
  return `Line ${before.length}, column ${column}: `;
}

function plural(count: number, word: string): string {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}
