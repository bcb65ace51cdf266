use super::LinuxKernel;
use super::shared::printable;
use crate::linux::LIST_HEAD;
use crate::linux::table::network as table;
use crate::validate::{Checker, Finding};

/// `IFF_LOOPBACK`, and the kind of the loopback device (`ARPHRD_LOOPBACK`).
const LOOPBACK: u64 = 8;
const LOOPBACK_KIND: u64 = 772;

/// Network namespaces and devices.
pub(super) fn examine(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    checker.check(&table::NETWORKS, "init_net is in it", || {
        match kernel.symbol("net_namespace_list").and_then(|head| view.list(head, "net.list", LIST_HEAD)) {
            Ok(list) => match (list.end, kernel.symbol("init_net")) {
                (Ok(()), Ok(first)) => {
                    let good = list.entries.contains(&first) && list.disagreeing == 0;
                    Finding::judge(good, format!("{} namespaces", list.entries.len()))
                }
                (Err(error), _) | (_, Err(error)) => Finding::of(&error),
            },
            Err(error) => Finding::of(&error),
        }
    });
    let mut devices = Vec::new();
    checker.check(&table::DEVICES, "a list of devices that closes", || {
        let list = kernel
            .symbol("init_net")
            .and_then(|net| view.list(view.at(net, "net.dev_base_head")?, "net_device.dev_list", LIST_HEAD));
        match list {
            Ok(list) => {
                devices = list.entries;
                match list.end {
                    Ok(()) => Finding::judge(list.disagreeing == 0, format!("{} devices", devices.len())),
                    Err(error) => Finding::of(&error),
                }
            }
            Err(error) => Finding::of(&error),
        }
    });
    if checker.has_just_failed() {
        devices.clear();
    }
    let name = |device| view.text_in(device, "net_device.name");
    checker.each(
        &table::DEVICE_NAME,
        "a name",
        &devices,
        |device| Ok(printable(&view.text_in(device, "net_device.name")?)),
        name,
    );
    checker.each(
        &table::DEVICE_NETWORK,
        "init_net",
        &devices,
        |device| super::shared::same(view.get(device, "net_device.nd_net.net"), kernel.symbol("init_net")),
        name,
    );
    checker.each(
        &table::DEVICE_NUMBER,
        "a number, and a packet's size",
        &devices,
        |device| {
            Ok((1..1 << 24).contains(&view.get(device, "net_device.ifindex")?)
                && (0..=1 << 20).contains(&view.get(device, "net_device.mtu")?))
        },
        name,
    );
    checker.check(&table::LOOPBACK, "lo, the first device, of its kind", || {
        let device = kernel.symbol("init_net").and_then(|net| view.get(net, "net.loopback_dev"));
        let look = |device: u64| {
            let flags = view.get(device, "net_device.flags")?;
            let kind = view.get(device, "net_device.type")? & 0xffff;
            let index = view.get(device, "net_device.ifindex")?;
            let (mtu, name) = (view.get(device, "net_device.mtu")?, view.text_in(device, "net_device.name")?);
            let good =
                flags & LOOPBACK != 0 && kind == LOOPBACK_KIND && index == 1 && mtu >= 1280 && name == "lo";
            Ok(Finding::judge(
                good,
                format!("{name}, number {index}, kind {kind}, mtu {mtu}, flags {flags:#x}"),
            ))
        };
        match device.and_then(look) {
            Ok(finding) => finding,
            Err(error) => Finding::of(&error),
        }
    });
}
