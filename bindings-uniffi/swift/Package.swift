// swift-tools-version:5.9
import PackageDescription

let package = Package(
    name: "Headroom",
    products: [.library(name: "Headroom", targets: ["Headroom"])],
    targets: [
        .systemLibrary(name: "HeadroomFFI"),
        .target(name: "Headroom", dependencies: ["HeadroomFFI"], linkerSettings: [.linkedLibrary("headroom_uniffi")]),
    ]
)
