import { defineComponent, h, onBeforeUnmount, onMounted, ref } from "vue";
import "../../codec_page/style.css";

/** The page that shows frames in bytes; its code is loaded where it is shown. */
export default defineComponent({
  setup() {
    const root = ref<HTMLElement>();
    let unmount = () => {};
    let isGone = false;
    onMounted(async () => {
      const { mountCodecPage } = await import("../../codec_page/page.ts");
      if (root.value && !isGone) unmount = mountCodecPage(root.value);
    });
    onBeforeUnmount(() => {
      isGone = true;
      unmount();
    });
    return () => h("div", { ref: root, class: "codec-page" });
  },
});
