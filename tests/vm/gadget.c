// SPDX-License-Identifier: Apache-2.0
/*
 * gadget FILE camera|other NAME: a USB device that calls itself NAME, on the bus while this runs.
 * FILE is the control file of gadgetfs, where this is the device's firmware. A camera has what the
 * kernel's driver and libuvc ask for, one format of it, but no pictures; another device has one
 * interface of no class.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/usb/ch9.h>
#include <linux/usb/gadgetfs.h>
#include <linux/usb/video.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define W(n) (n) & 0xff, (n) >> 8
#define D(n) W((n) & 0xffff), W((n) >> 16)
#define STRING_NAME 1
#define WIDTH 320
#define HEIGHT 180
#define FRAME_BYTES (WIDTH * HEIGHT * 2)
#define INTERVAL 666666 /* between frames, in 100 ns */
#define CS_INTERFACE 0x24
#define VC_LENGTH (13 + 18 + 9)
#define VS_LENGTH (14 + 27 + 30)

static const unsigned char control_interface[] = {
	8, USB_DT_INTERFACE_ASSOCIATION, 0, 2, USB_CLASS_VIDEO, 3, 0, 0,
	9, USB_DT_INTERFACE, 0, 0, 0, USB_CLASS_VIDEO, UVC_SC_VIDEOCONTROL, 0, 0,
	13, CS_INTERFACE, UVC_VC_HEADER, W(0x0100), W(VC_LENGTH), D(48000000), 1, 1,
	18, CS_INTERFACE, UVC_VC_INPUT_TERMINAL, 1, W(UVC_ITT_CAMERA), 0, 0, W(0), W(0), W(0), 3,
	0, 0, 0,
	9, CS_INTERFACE, UVC_VC_OUTPUT_TERMINAL, 2, W(UVC_TT_STREAMING), 0, 1, 0,
};

static const unsigned char stream_interface[] = {
	9, USB_DT_INTERFACE, 1, 0, 1, USB_CLASS_VIDEO, UVC_SC_VIDEOSTREAMING, 0, 0,
	14, CS_INTERFACE, UVC_VS_INPUT_HEADER, 1, W(VS_LENGTH), 0x81, 0, 2, 0, 0, 0, 1, 0,
	27, CS_INTERFACE, UVC_VS_FORMAT_UNCOMPRESSED, 1, 1, 'Y', 'U', 'Y', '2', 0, 0, 0x10, 0, 0x80,
	0, 0, 0xaa, 0, 0x38, 0x9b, 0x71, 16, 1, 0, 0, 0, 0,
	30, CS_INTERFACE, UVC_VS_FRAME_UNCOMPRESSED, 1, 0, W(WIDTH), W(HEIGHT), D(FRAME_BYTES),
	D(FRAME_BYTES), D(FRAME_BYTES), D(INTERVAL), 1, D(INTERVAL),
};

static const unsigned char other_interface[] = {
	9, USB_DT_INTERFACE, 0, 0, 0, USB_CLASS_VENDOR_SPEC, 0, 0, 0,
};

static const unsigned char device[USB_DT_DEVICE_SIZE] = {
	USB_DT_DEVICE_SIZE, USB_DT_DEVICE, W(0x0200), USB_CLASS_MISC, 2, 1, 64, W(0x1d6b),
	W(0x0102), W(0x0100), 0, STRING_NAME, 0, 1,
};

static const char *name;

static int die(const char *what)
{
	fprintf(stderr, "gadget: %s: %s\n", what, strerror(errno));
	return 1;
}

static size_t put(unsigned char *to, size_t at, const void *data, size_t length)
{
	memcpy(to + at, data, length);
	return at + length;
}

static size_t put_config(unsigned char *to, size_t at, int camera, unsigned int packet)
{
	const unsigned char endpoint[] = {7, USB_DT_ENDPOINT, 0x81, USB_ENDPOINT_XFER_BULK,
					  W(packet), 0};
	size_t length = 9 + (camera ? sizeof(control_interface) + sizeof(stream_interface) +
				sizeof(endpoint) : sizeof(other_interface));
	const unsigned char config[] = {9, USB_DT_CONFIG, W(length), camera ? 2 : 1, 1, 0,
					USB_CONFIG_ATT_ONE, 50};

	at = put(to, at, config, sizeof(config));
	if (!camera)
		return put(to, at, other_interface, sizeof(other_interface));
	at = put(to, at, control_interface, sizeof(control_interface));
	at = put(to, at, stream_interface, sizeof(stream_interface));
	return put(to, at, endpoint, sizeof(endpoint));
}

static int plug(const char *file, int camera)
{
	unsigned char data[1024] = {0};
	size_t length = 4; /* a tag, which is 0 */
	int fd = open(file, O_RDWR | O_CLOEXEC);

	length = put_config(data, length, camera, 64);
	length = put_config(data, length, camera, 512);
	length = put(data, length, device, sizeof(device));
	if (fd < 0 || write(fd, data, length) != (ssize_t)length)
		return -1;
	return fd;
}

static size_t string_of(const char *s, unsigned char *to)
{
	size_t n = strlen(s);

	to[0] = (unsigned char)(2 + 2 * n);
	to[1] = USB_DT_STRING;
	for (size_t i = 0; i < n; i++) {
		to[2 + 2 * i] = (unsigned char)s[i];
		to[3 + 2 * i] = 0;
	}
	return 2 + 2 * n;
}

/* Zeros of the length that is asked for answer all other questions of the class. */
static size_t answer_of(const struct usb_ctrlrequest *request, unsigned char *to, size_t size)
{
	static const unsigned char languages[] = {4, USB_DT_STRING, W(0x0409)};
	static const unsigned char probe[26] = {
		0, 0, 1, 1, D(INTERVAL), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, D(FRAME_BYTES), D(1024),
	};
	size_t length = request->wLength < size ? request->wLength : size, n = length;

	memset(to, 0, size);
	if ((request->bRequestType & USB_TYPE_MASK) == USB_TYPE_STANDARD) {
		if (request->wValue >> 8 != USB_DT_STRING)
			return 0;
		n = request->wValue & 0xff ? string_of(name, to) :
					     put(to, 0, languages, sizeof(languages));
	} else if (request->wValue >> 8 == UVC_VS_PROBE_CONTROL && (request->wIndex & 0xff) == 1) {
		n = put(to, 0, probe, sizeof(probe));
	}
	return n < length ? n : length;
}

static void answer(int fd, const struct usb_ctrlrequest *request)
{
	unsigned char data[512];
	size_t length;

	if (!(request->bRequestType & USB_DIR_IN)) {
		if (read(fd, data, request->wLength) < 0)
			perror("gadget: read");
		return;
	}
	length = answer_of(request, data, sizeof(data));
	/* Nothing to say: the wrong direction stalls. */
	if (length ? write(fd, data, length) < 0 : read(fd, data, 0) < 0 && errno != EL2HLT)
		perror("gadget: write");
}

int main(int argc, char **argv)
{
	struct usb_gadgetfs_event event;
	int fd;

	if (argc != 4 || strlen(argv[3]) > 60) {
		fprintf(stderr, "usage: gadget FILE camera|other NAME\n");
		return 2;
	}
	name = argv[3];
	fd = plug(argv[1], !strcmp(argv[2], "camera"));
	if (fd < 0)
		return die(argv[1]);
	for (;;) {
		ssize_t n = read(fd, &event, sizeof(event));

		if (n == sizeof(event) && event.type == GADGETFS_SETUP)
			answer(fd, &event.u.setup);
		/* On a busy machine the host gives a question up and asks the next one. */
		if (n < 0 && errno != EIDRM && errno != EL2HLT)
			return die("read of events");
	}
}
