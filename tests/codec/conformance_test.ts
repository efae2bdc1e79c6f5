import { checkCodec } from "../../lib/testing/check_codec.ts";
import { SUBJECTS } from "./_codecs.ts";

for (const { name, codec, samples, options } of SUBJECTS) {
  Deno.test(`checkCodec() accepts ${name}`, () => {
    checkCodec(codec, samples, options);
  });
}
