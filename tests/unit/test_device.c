// SPDX-License-Identifier: Apache-2.0
/*
 * Goal of this test: nodes are told apart by class and capabilities, with the names that people
 * and policies know them by, on a made-up sysfs, whatever text is in it.
 */
#include <ftw.h>
#include <linux/videodev2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "enrich/device.h"

#define PCI  "sys/devices/pci0000:00/0000:00:14.0"
#define CAM  PCI "/usb1/1-1/1-1.2"
#define HDA  "sys/devices/pci0000:00/0000:00:1f.3"
#define VIRT "sys/devices/virtual/video4linux"

static char root[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/cw-device-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes the directories above the path, and gives its place below the root. */
CW_PRINTF(2, 3)
static void place(char ret_path[512], const char *format, ...)
{
	size_t len = strlen(root);
	va_list args;

	snprintf(ret_path, 512, "%s/", root);
	va_start(args, format);
	vsnprintf(ret_path + len + 1, 512 - len - 1, format, args);
	va_end(args);
	for (char *s = strchr(ret_path + len + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		assert_true(!mkdir(ret_path, 0755) || errno == EEXIST);
		*s = '/';
	}
}

static void put_bytes(const char *dir, const char *name, const void *data, size_t len)
{
	char path[512];
	FILE *f;

	place(path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void put(const char *dir, const char *name, const char *text)
{
	put_bytes(dir, name, text, strlen(text));
}

static void put_link(const char *dir, const char *name, const char *target)
{
	char path[512];

	place(path, "%s/%s", dir, name);
	assert_int_equal(symlink(target, path), 0);
}

/* A device of sysfs, with the links that lead to it. `class_dir` NULL: in none. */
static void put_device(const char *dir, const char *subsystem, const char *class_dir,
		       unsigned int dev_major, unsigned int dev_minor, const char *devname)
{
	char text[256], target[300], number[32];
	const char *base = strrchr(dir, '/') + 1;

	snprintf(text, sizeof(text), "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=x\n", dev_major,
		 dev_minor, devname);
	put(dir, "uevent", text);
	snprintf(target, sizeof(target), "../x/%s", subsystem);
	put_link(dir, "subsystem", target);
	snprintf(number, sizeof(number), "%u:%u", dev_major, dev_minor);
	snprintf(text, sizeof(text), "%s\n", number);
	put(dir, "dev", text);
	snprintf(target, sizeof(target), "../../../%s", dir);
	put_link("sys/dev/char", number, target);
	if (class_dir)
		put_link(class_dir, base, target);
}

static void put_video(unsigned int dev_minor, const char *caps)
{
	char dir[128], name[32];

	snprintf(name, sizeof(name), "video%u", dev_minor);
	snprintf(dir, sizeof(dir), VIRT "/%s", name);
	put_device(dir, "video4linux", "sys/class/video4linux", 81, dev_minor, name);
	if (caps)
		put(dir, "camwarden_caps", caps);
}

static struct cw_device_info identify(unsigned int dev_major, unsigned int dev_minor)
{
	struct cw_device_info info;

	assert_int_equal(cw_device_identify(root, dev_major, dev_minor, &info), 0);
	assert_int_equal(info.dev_major, dev_major);
	assert_int_equal(info.dev_minor, dev_minor);
	return info;
}

static void classes_by_capabilities(void **state)
{
	static const struct {
		uint32_t caps;
		const char *why_not; /* NULL: a camera */
		const char *driver;
	} cases[] = {
		{ V4L2_CAP_VIDEO_CAPTURE, NULL, "" },
		{ V4L2_CAP_VIDEO_CAPTURE_MPLANE, NULL, "" },
		{ V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_META_CAPTURE, NULL, "" },
		{ V4L2_CAP_VIDEO_OVERLAY, NULL, "" },
		{ V4L2_CAP_VBI_CAPTURE | V4L2_CAP_SLICED_VBI_CAPTURE, NULL, "" },
		{ V4L2_CAP_SDR_CAPTURE | V4L2_CAP_TUNER, NULL, "" },
		{ V4L2_CAP_TOUCH | V4L2_CAP_VIDEO_CAPTURE, NULL, "" },
		{ V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_OUTPUT, NULL, "" },
		{ V4L2_CAP_VIDEO_OUTPUT, NULL, " v4l2 loopback" },
		{ V4L2_CAP_VIDEO_OUTPUT, "an output", " v4l2 loopbac" },
		{ V4L2_CAP_VIDEO_OUTPUT_MPLANE, "an output", "" },
		{ V4L2_CAP_META_OUTPUT, "an output", "" },
		{ V4L2_CAP_VBI_OUTPUT, "an output", "" },
		{ V4L2_CAP_SDR_OUTPUT | V4L2_CAP_MODULATOR, "an output", "" },
		{ V4L2_CAP_RADIO | V4L2_CAP_RDS_OUTPUT | V4L2_CAP_MODULATOR | V4L2_CAP_READWRITE,
		  "an output", "" },
		{ V4L2_CAP_VIDEO_M2M, "a video codec", "" },
		{ V4L2_CAP_VIDEO_M2M_MPLANE, "a video codec", "" },
		{ V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_OUTPUT_MPLANE, "a video codec",
		  "" },
		{ V4L2_CAP_META_CAPTURE, "a metadata node", "" },
		{ V4L2_CAP_RADIO | V4L2_CAP_TUNER, "a radio tuner", "" },
		{ V4L2_CAP_RADIO | V4L2_CAP_TUNER | V4L2_CAP_RDS_CAPTURE | V4L2_CAP_READWRITE,
		  NULL, "" },
		{ V4L2_CAP_RADIO | V4L2_CAP_TUNER | V4L2_CAP_READWRITE, NULL, "" },
		{ 0, NULL, "" },
		{ V4L2_CAP_EXT_PIX_FORMAT, NULL, "" },
	};
	char caps[64];

	(void)state;
	for (unsigned int i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		struct cw_device_info info;

		snprintf(caps, sizeof(caps), "%x%s\n", cases[i].caps | V4L2_CAP_STREAMING,
			 cases[i].driver);
		put_video(i, caps);
		info = identify(81, i);
		if (info.kind != (cases[i].why_not ? CW_ASSET_NONE : CW_ASSET_CAMERA) ||
		    (cases[i].why_not ? !cw_streq(info.why_not, cases[i].why_not) :
					info.why_not != NULL))
			fail_msg("case %u, capabilities %#x: %s, %s", i, cases[i].caps,
				 cw_asset_kind_name(info.kind), info.why_not);
	}
}

static void is_a_camera_if_it_does_not_answer(void **state)
{
	struct cw_device_info info;

	(void)state;
	/* No node at all, one that is no device, and one that is another's. */
	put_video(0, NULL);
	put_video(1, NULL);
	put("dev", "video1", "");
	put_video(2, NULL);
	put_link("dev", "video2", "/dev/null");
	for (unsigned int i = 0; i < 3; i++) {
		info = identify(81, i);
		assert_int_equal(info.kind, CW_ASSET_CAMERA);
		assert_null(info.why_not);
	}
}

static void put_usb_camera(void)
{
	put(PCI, "uevent", "DRIVER=xhci_hcd\n");
	put_link(PCI, "subsystem", "../x/pci");
	put_link(PCI, "driver", "../x/xhci_hcd");
	put_link(PCI "/usb1", "subsystem", "../x/usb");
	put(PCI "/usb1", "devpath", "0\n");
	put_device(CAM, "usb", NULL, 189, 3, "bus/usb/001/004");
	put(CAM, "devpath", "1.2\n");
	put(CAM, "product", "HD Webcam \xff\n");
	put_link(CAM, "driver", "../x/usb");
	put_link(CAM "/1-1.2:1.0", "subsystem", "../x/usb");
	put_link(CAM "/1-1.2:1.0", "driver", "../x/uvcvideo");
	put_device(CAM "/1-1.2:1.0/video4linux/video0", "video4linux", "sys/class/video4linux", 81,
		   0, "video0");
	put(CAM "/1-1.2:1.0/video4linux/video0", "name", "HD Webcam: HD Webcam\n");
	put_link(CAM "/1-1.2:1.0/video4linux/video0", "device", "../../../1-1.2:1.0");
}

static void names_a_usb_camera(void **state)
{
	struct cw_device_info info;

	(void)state;
	put_usb_camera();
	put_link("dev/v4l/by-path", "pci-0000:00:14.0-usb-0:1.2:1.0-video-index0",
		 "../../video0");
	info = identify(81, 0);
	assert_int_equal(info.kind, CW_ASSET_CAMERA);
	assert_string_equal(info.node, "/dev/video0");
	assert_string_equal(info.driver, "uvcvideo");
	assert_string_equal(info.bus, "usb-0000:00:14.0-1.2");
	assert_string_equal(info.card, "HD Webcam: HD Webcam");
	assert_string_equal(info.by_id,
			    "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1.2:1.0-video-index0");

	/* by-id is better, the first by name of several, never a longer node's. */
	put_link("dev/v4l/by-id", "usb-b-index0", "../../video0");
	put_link("dev/v4l/by-id", "usb-a-index1", "../../video01");
	put_link("dev/v4l/by-id", "usb-a-index0", "../../video0");
	put("dev/v4l/by-id", "video0", "");
	info = identify(81, 0);
	assert_string_equal(info.by_id, "/dev/v4l/by-id/usb-a-index0");
}

static void finds_a_camera_behind_usbfs(void **state)
{
	/* Device; configuration; interface of audio, then of video. */
	static const unsigned char uvc[] = { 18, 1, 0, 2, 0xef, 2, 1, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0,
					     1, 9, 2, 27, 0, 2, 1, 0, 0x80, 50,
					     9, 4, 0, 0, 0, 1, 1, 0, 0,
					     9, 4, 1, 0, 1, 0x0e, 1, 0, 0 };
	struct cw_device_info info;

	(void)state;
	put_usb_camera();
	info = identify(189, 3);
	assert_int_equal(info.kind, CW_ASSET_NONE);
	assert_string_equal(info.why_not, "a USB device without video or a microphone");

	put_bytes(CAM, "descriptors", uvc, sizeof(uvc));
	info = identify(189, 3);
	assert_int_equal(info.kind, CW_ASSET_CAMERA);
	assert_string_equal(info.node, "/dev/bus/usb/001/004");
	assert_string_equal(info.card, "HD Webcam \xff");
	assert_string_equal(info.driver, "usb");
	assert_string_equal(info.bus, "usb-0000:00:14.0-1.2");

	/* Cut before the class, and of no length. */
	put_bytes(CAM, "descriptors", uvc, sizeof(uvc) - 4);
	assert_int_equal(identify(189, 3).kind, CW_ASSET_NONE);
	put_bytes(CAM, "descriptors", "\0\4\0\0\0\x0e", 6);
	assert_int_equal(identify(189, 3).kind, CW_ASSET_NONE);
	put_bytes(CAM, "descriptors", "\1", 1);
	assert_int_equal(identify(189, 3).kind, CW_ASSET_NONE);
}

#define ENDPOINT(address, kind) "\x09\5" address kind "\0\1\1\0\0"
#define AUDIO(address, kind) "\x09\4\1\1\1\1\2\0\0" ENDPOINT(address, kind)

static enum cw_asset_kind usb_kind(const char *descriptors, size_t len)
{
	put_bytes(CAM, "descriptors", descriptors, len);
	return identify(189, 3).kind;
}

#define USB_KIND(text) usb_kind(text, sizeof(text) - 1)

static void finds_a_microphone_behind_usbfs(void **state)
{
	(void)state;
	put_usb_camera();
	assert_int_equal(USB_KIND(AUDIO("\x81", "\5")), CW_ASSET_MICROPHONE);
	assert_int_equal(USB_KIND(AUDIO("\1", "\5") AUDIO("\x81", "\5")), CW_ASSET_MICROPHONE);
	/* Its samples are the clock of what is played. */
	assert_int_equal(USB_KIND(AUDIO("\x81", "\x25")), CW_ASSET_MICROPHONE);
	/* A loudspeaker, which tells of its clock: USB audio 2, and 1. */
	assert_int_equal(USB_KIND(AUDIO("\1", "\5") ENDPOINT("\x81", "\x11")), CW_ASSET_NONE);
	assert_int_equal(USB_KIND(AUDIO("\1", "\5") ENDPOINT("\x81", "\1")), CW_ASSET_NONE);
	/* An endpoint of another interface. */
	assert_int_equal(USB_KIND("\x09\4\1\1\1\xff\2\0\0\7\5\x81\5\0\1\1"), CW_ASSET_NONE);
	/* A camera has one, too. */
	assert_int_equal(USB_KIND(AUDIO("\x81", "\5") "\x09\4\0\0\0\x0e\0\0\0"),
			 CW_ASSET_CAMERA);
	/* Cut. */
	assert_int_equal(usb_kind(AUDIO("\x81", "\5"), 12), CW_ASSET_NONE);
}

static void finds_what_usbmon_shows(void **state)
{
	struct cw_device_info info;

	(void)state;
	put_usb_camera();
	put(CAM, "busnum", "1\n");
	put_link("sys/bus/usb/devices", "1-1.2", "../../../../" CAM);
	for (unsigned int bus = 0; bus < 3; bus++) {
		char dir[64];

		snprintf(dir, sizeof(dir), VIRT "/usbmon/usbmon%u", bus);
		put_device(dir, "usbmon", "sys/class/usbmon", 242, bus, strrchr(dir, '/') + 1);
	}
	info = identify(242, 1);
	assert_int_equal(info.kind, CW_ASSET_NONE);
	assert_string_equal(info.why_not, "a USB bus without a camera or a microphone");

	put_bytes(CAM, "descriptors", AUDIO("\x81", "\5"), sizeof(AUDIO("\x81", "\5")) - 1);
	assert_int_equal(identify(242, 1).kind, CW_ASSET_MICROPHONE);
	put_bytes(CAM, "descriptors", "\x09\4\0\0\0\x0e\0\0\0", 9);
	info = identify(242, 1);
	assert_int_equal(info.kind, CW_ASSET_CAMERA);
	assert_string_equal(info.node, "/dev/usbmon1");
	assert_string_equal(info.card, "HD Webcam \xff");
	assert_int_equal(identify(242, 0).kind, CW_ASSET_CAMERA);
	assert_int_equal(identify(242, 2).kind, CW_ASSET_NONE);
}

static void put_sound(unsigned int dev_minor, const char *name)
{
	char dir[128], devname[64];

	snprintf(dir, sizeof(dir), HDA "/sound/card1/%s", name);
	snprintf(devname, sizeof(devname), "snd/%s", name);
	put_device(dir, "sound", "sys/class/sound", 116, dev_minor, devname);
	put_link(dir, "device", "../../card1");
}

static void put_card(void)
{
	put_link(HDA, "subsystem", "../x/pci");
	put_link(HDA, "driver", "../x/snd_hda_intel");
	put(HDA "/sound/card1", "uevent", "");
	put_link(HDA "/sound/card1", "subsystem", "../x/sound");
}

static void tells_capture_from_playback(void **state)
{
	static const struct {
		const char *name, *why_not;
	} cases[] = {
		{ "pcmC1D0c", NULL },
		{ "pcmC1D10c", NULL },
		{ "dsp1", NULL },
		{ "audio", NULL },
		{ "pcmC1D0p", "playback" },
		{ "pcmC1D0cx", "not a capture device" },
		{ "controlC1", "a control device" },
		{ "hwC1D0", "a hardware control node" },
		{ "midiC1D0", "a MIDI port" },
		{ "comprC1D0", "a compressed stream" },
		{ "seq", "a sequencer" },
		{ "timer", "a timer" },
	};

	(void)state;
	put_card();
	for (unsigned int i = 0; i < CW_ARRAY_SIZE(cases); i++) {
		struct cw_device_info info;

		put_sound(i, cases[i].name);
		info = identify(116, i);
		if (info.kind != (cases[i].why_not ? CW_ASSET_NONE : CW_ASSET_MICROPHONE) ||
		    (cases[i].why_not ? !cw_streq(info.why_not, cases[i].why_not) :
					info.why_not != NULL))
			fail_msg("%s: %s, %s", cases[i].name, cw_asset_kind_name(info.kind),
				 info.why_not);
	}
}

static void names_a_microphone(void **state)
{
	struct cw_device_info info;

	(void)state;
	put_card();
	put_sound(4, "pcmC1D0c");
	put("proc/asound/card1", "id", "FromProc\n");
	info = identify(116, 4);
	assert_string_equal(info.card, "FromProc");
	assert_string_equal(info.by_id, "");

	put(HDA "/sound/card1", "id", "PCH\n");
	put_link("dev/snd/by-id", "usb-mic-00", "../controlC1");
	put_link("dev/snd/by-id", "usb-other-00", "../controlC11");
	info = identify(116, 4);
	assert_string_equal(info.node, "/dev/snd/pcmC1D0c");
	assert_string_equal(info.card, "PCH");
	assert_string_equal(info.driver, "snd_hda_intel");
	assert_string_equal(info.bus, "PCI:0000:00:1f.3");
	assert_string_equal(info.by_id, "/dev/snd/by-id/usb-mic-00");
}

static void names_a_media_device(void **state)
{
	struct cw_device_info info;

	(void)state;
	put_link("sys/devices/platform/csi.0", "subsystem", "../x/platform");
	put_link("sys/devices/platform/csi.0", "driver", "../x/unicam");
	put_device("sys/devices/platform/csi.0/media0", "media", NULL, 243, 0, "media0");
	put("sys/devices/platform/csi.0/media0", "model", "unicam\n");
	info = identify(243, 0);
	assert_int_equal(info.kind, CW_ASSET_CAMERA);
	assert_string_equal(info.node, "/dev/media0");
	assert_string_equal(info.card, "unicam");
	assert_string_equal(info.driver, "unicam");
	assert_string_equal(info.bus, "platform:csi.0");
}

static void knows_what_it_does_not_know(void **state)
{
	struct cw_device_info info = { .kind = CW_ASSET_SELF };

	(void)state;
	assert_int_equal(cw_device_identify(root, 81, 0, &info), -ENOENT);
	assert_int_equal(info.kind, CW_ASSET_SELF);
	put_device("sys/devices/virtual/mem/null", "mem", NULL, 1, 3, "null");
	info = identify(1, 3);
	assert_int_equal(info.kind, CW_ASSET_NONE);
	assert_string_equal(info.why_not, "a device of another class");
	assert_string_equal(info.node, "/dev/null");
	/* No uevent, no subsystem: the name of the directory. */
	put("sys/devices/virtual/x/thing", "dev", "9:9\n");
	put_link("sys/dev/char", "9:9", "../../devices/virtual/x/thing");
	info = identify(9, 9);
	assert_int_equal(info.kind, CW_ASSET_NONE);
	assert_string_equal(info.node, "/dev/thing");
}

static void takes_text_of_any_length(void **state)
{
	static char text[4096];
	struct cw_device_info info;

	(void)state;
	put_video(0, "ffffffffffffffffffff x");
	memset(text, 'n', sizeof(text) - 1);
	put(VIRT "/video0", "name", text);
	info = identify(81, 0);
	assert_int_equal(strlen(info.card), sizeof(info.card) - 1);
	put_bytes(VIRT "/video0", "name", "\0\n", 2);
	assert_string_equal(identify(81, 0).card, "");
	memcpy(text, "DEVNAME=", 8);
	put(VIRT "/video0", "uevent", text);
	info = identify(81, 0);
	assert_true(strlen(info.node) < sizeof(info.node));
}

static void lists_nothing_where_nothing_is(void **state)
{
	struct cw_device_info *devices = (struct cw_device_info *)root;
	size_t n = 7;

	(void)state;
	assert_int_equal(cw_device_list(root, &devices, &n), 0);
	assert_int_equal(n, 0);
	assert_null(devices);
}

static void lists_by_number(void **state)
{
	struct cw_device_info *devices = NULL;
	size_t n = 0;

	(void)state;
	put_usb_camera();
	put_bytes(CAM, "descriptors", "\x09\4\0\0\0\x0e\0\0\0", 9);
	put_link("sys/bus/usb/devices", "1-1.2", "../../../../" CAM);
	put_link("sys/bus/usb/devices", "usb1", "../../../../" PCI "/usb1");
	put_video(10, "4000");
	put_video(9, "1");
	put_card();
	put_sound(4, "pcmC1D0c");
	put_sound(3, "pcmC1D0p");
	put_sound(2, "controlC1");
	put_link("sys/class/sound", "card1", "../../../" HDA "/sound/card1");
	put_device("sys/devices/platform/csi.0/media0", "media", NULL, 243, 0, "media0");
	put_link("sys/bus/media/devices", "media0",
		 "../../../../sys/devices/platform/csi.0/media0");
	/* Gone since. */
	put("sys/class/video4linux/video77", "dev", "81:77\n");
	put("sys/class/video4linux/video78", "dev", "nonsense");

	assert_int_equal(cw_device_list(root, &devices, &n), 0);
	assert_int_equal(n, 6);
	assert_string_equal(devices[0].node, "/dev/video0");
	assert_string_equal(devices[1].node, "/dev/video9");
	assert_string_equal(devices[2].node, "/dev/video10");
	assert_string_equal(devices[2].why_not, "a video codec");
	assert_string_equal(devices[3].node, "/dev/snd/pcmC1D0c");
	assert_string_equal(devices[4].node, "/dev/bus/usb/001/004");
	assert_string_equal(devices[5].node, "/dev/media0");
	free(devices);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(classes_by_capabilities),
		TEST(is_a_camera_if_it_does_not_answer),
		TEST(names_a_usb_camera),
		TEST(finds_a_camera_behind_usbfs),
		TEST(finds_a_microphone_behind_usbfs),
		TEST(finds_what_usbmon_shows),
		TEST(tells_capture_from_playback),
		TEST(names_a_microphone),
		TEST(names_a_media_device),
		TEST(knows_what_it_does_not_know),
		TEST(takes_text_of_any_length),
		TEST(lists_nothing_where_nothing_is),
		TEST(lists_by_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
